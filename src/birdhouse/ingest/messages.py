"""Messages of a stream as rows: a JSON value for the columns with a JSONPath, and beside it what
the stream says of the message, for the columns of those names that have none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from birdhouse.ingest.jsonpath import key_path
from birdhouse.ingest.landing import Rejection
from birdhouse.ingest.plan import DOCUMENT, Plan, Rejected, plan_for
from birdhouse.ingest.rows import Rows, Source, read_documents
from birdhouse.ingest.values import MISMATCHES, encode, text_of
from birdhouse.workspace.resources import Column

_VALUE = "value"

_check_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Message(NamedTuple):
    """A message; `metadata` has the value of each metadata column."""

    value: bytes | None
    metadata: Mapping[str, Any]


def message_source(
    messages: Sequence[Message], metadata: Collection[str], refused: str = ""
) -> Source:
    """The rows of messages with these metadata columns.

    When no column has a JSONPath, a value need not be JSON. With `refused`, that is the reason for
    which all of them go to quarantine.
    """

    def plan(columns: tuple[Column, ...]) -> Plan:
        return plan_for(tuple(_beside(column, metadata) for column in columns))

    def read(plan: Plan) -> Rows:
        wants_value = any(target.name not in metadata for target in plan.targets)
        rejected: list[Rejected] = []
        documents: list[bytes] = []
        for message in messages:
            reason = refused or (_flaw(message.value) if wants_value else "")
            if reason:
                rejected.append(_reject(plan, message, reason, as_it_is=bool(refused)))
            else:
                value = message.value if wants_value and message.value is not None else b"null"
                documents.append(b'{"value":%s,%s' % (value, encode(message.metadata)[1:]))
        rows = read_documents(plan, documents, strict=False)
        return rows._replace(rejected=rows.rejected + tuple(rejected))

    size = sum(len(message.value or b"") for message in messages)
    return Source(size, plan, read)


def _beside(column: Column, metadata: Collection[str]) -> Column:
    """The column as it is found in a document with the value beside the metadata."""
    if column.jsonpath is not None:
        path = key_path(_VALUE) + column.jsonpath.strip().removeprefix("$")
    elif column.name in metadata:
        path = key_path(column.name)
    else:
        return column
    return msgspec.structs.replace(column, jsonpath=path)


def _flaw(value: bytes | None) -> str:
    """Why a value is no row; '' for one that may be."""
    if value is None:
        return "the message has no value"
    try:
        _check_object(value)
    except MISMATCHES as error:
        return str(error)
    return ""


def _reject(plan: Plan, message: Message, reason: str, *, as_it_is: bool) -> Rejected:
    names = {target.name for target in plan.targets}
    texts = {
        name: text_of(encode(value)) for name, value in message.metadata.items() if name in names
    }
    found = plan.reject_document(message.value or b"", reason).errors
    if as_it_is:
        found = (Rejection(DOCUMENT, reason),)
    return Rejected({**dict.fromkeys(names), **texts}, found)

"""The log: one line for each thing that happened, on standard error.

A terminal gets lines for a person, anything else one JSON object a line. No line holds a token,
wherever its text came from.
"""

from __future__ import annotations

import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from birdhouse.http.headers import without_tokens

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal would obey, but for tabs and line feeds."""
_REQUESTS = logging.getLogger("birdhouse.requests")


class Answered(NamedTuple):
    """A request and how it went."""

    request_id: str
    method: str
    path: str
    """Without the query string."""
    status: int
    milliseconds: float
    workspace: str = ""

    def __str__(self) -> str:
        path = self.path if self.path.isprintable() else repr(self.path)
        text = f"{self.method} {path} {self.status} {self.milliseconds} ms {self.workspace}"
        return without_tokens(text).rstrip()


def log_answered(answered: Answered) -> None:
    _REQUESTS.info(answered)


class JsonLines(logging.Formatter):
    """For programs."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if isinstance(record.msg, Answered):
            line |= record.msg._asdict()
        else:
            line |= {"message": record.getMessage(), "request_id": request_id.get()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        shown = {name: value for name, value in line.items() if value != ""}
        return without_tokens(msgspec.json.encode(shown).decode())


class Lines(logging.Formatter):
    """For a person."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if record.levelno > logging.INFO:
            moment, _, message = text.partition(" ")
            text = f"{moment} {record.levelname} {message}"
        return _CONTROL.sub(lambda found: repr(found[0])[1:-1], without_tokens(text))


def start_log(level: str) -> None:
    """Write what birdhouse does, from `level` on, and what goes wrong anywhere."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines() if sys.stderr.isatty() else JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("birdhouse").setLevel(level.upper())

"""Every error that birdhouse answers with.

    BirdhouseError                500
    ├── BadRequest                400   the request cannot be understood
    │   └── ReadsElsewhere              a copy pipe reads from another system, which runs not here
    ├── Forbidden                 403   the token is missing, wrong or lacks a scope
    ├── NotFound                  404   no such data source, pipe, job, ...
    ├── Conflict                  409   the state does not allow it
    ├── PayloadTooLarge           413   the body is above the limit
    ├── PartlyIngested          422   rows are stored, but a materialized view failed on them
    ├── TooManyRequests           429   the caller is above its rate (carries retry_after)
    ├── Unavailable               503   the server cannot take it now (carries retry_after)
    ├── CustomError            (own)    custom_error() of a template: status and body are its own
    ├── ProjectError              400   a project that cannot be built (carries one line a file)
    └── EngineError        400/408/500  ClickHouse refused or failed (carries its code and name)

`http.app` is the one place that turns these into HTTP answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class BirdhouseError(Exception):
    """The root: `str(error)` is the message for a person, `status` the HTTP status."""

    status: int = 500
    documentation: str = "https://www.tinybird.co/docs/api-reference"


class BadRequest(BirdhouseError):
    status = 400


class ReadsElsewhere(BadRequest):
    """A copy pipe whose rows come from another system: it is no error in the project."""


class Forbidden(BirdhouseError):
    status = 403
    documentation = "https://www.tinybird.co/docs/api-reference/token-api"


class NotFound(BirdhouseError):
    status = 404


class Conflict(BirdhouseError):
    status = 409


class PayloadTooLarge(BirdhouseError):
    status = 413


class PartlyIngested(BirdhouseError):
    """The rows are in the table and must not be sent again; a materialized view lacks them."""

    status = 422


class _Retryable(BirdhouseError):
    """The same request may succeed in `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyRequests(_Retryable):
    status = 429


class Unavailable(_Retryable):
    status = 503


class CustomError(BirdhouseError):
    """`custom_error(body, status)` of a template: the author decides on both."""

    def __init__(self, body: Any, status: int) -> None:
        super().__init__(str(body))
        self.body = body
        self.status = status


class FileError(NamedTuple):
    """What is wrong in one datafile; `filename` is relative to the project."""

    filename: str
    error: str


class ProjectError(BirdhouseError):
    """A project that cannot be built or deployed."""

    status = 400

    def __init__(self, errors: Sequence[FileError]) -> None:
        super().__init__(
            "\n".join(f"{e.filename}: {e.error}" if e.filename else e.error for e in errors)
        )
        self.errors = list(errors)


UNKNOWN_TABLE = 60
TIMEOUT_EXCEEDED = 159
MEMORY_LIMIT_EXCEEDED = 241
NOT_ENOUGH_SPACE = 243
QUERY_WAS_CANCELLED = 394

_ENGINE_STATUS = {
    TIMEOUT_EXCEEDED: 408,
    QUERY_WAS_CANCELLED: 408,
    MEMORY_LIMIT_EXCEEDED: 500,
    NOT_ENOUGH_SPACE: 500,
    74: 500,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
    75: 500,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
    76: 500,  # CANNOT_OPEN_FILE
    49: 500,  # LOGICAL_ERROR
    396: 413,  # TOO_MANY_ROWS_OR_BYTES
}


class EngineError(BirdhouseError):
    """ClickHouse's own error: `code` and `name` are those of its list of errors."""

    def __init__(self, message: str, code: int, name: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.status = _ENGINE_STATUS.get(code, 400)

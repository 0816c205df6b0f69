"""Answers that are files of a folder, with the policy that all pages of birdhouse have.

A page may run its own scripts and ask this server, and nothing else: text that came in as data
stays text.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",  # asked again each time, and answered with 304
}
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
"""What the machine's own list of types may say otherwise."""


def inside(folder: Path, name: str) -> Path | None:
    """The file of that name in the folder or below it; None when there is none."""
    try:
        path = (folder / name).resolve()
        found = path.is_file() and path.is_relative_to(folder.resolve())
    except (OSError, ValueError):  # a name that no file can have
        return None
    return path if found else None


def file_answer(request: Request, path: Path, *, referrer: bool = False) -> Response:
    """The file; 304 for one that the browser has. With `referrer` the site's own pages hear where
    a visitor comes from."""
    headers = _HEADERS if referrer else {**_HEADERS, "referrer-policy": "no-referrer"}
    answer = FileResponse(
        path, headers=headers, media_type=_TYPES.get(path.suffix), stat_result=path.stat()
    )
    if request.headers.get("if-none-match") == answer.headers["etag"]:
        return Response(status_code=304, headers={**headers, "etag": answer.headers["etag"]})
    return answer

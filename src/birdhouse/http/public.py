"""The files of a project that are for everybody: `public/` is served at the root.

Browsers on any machine may load them, under any name of this one and from pages of any origin, as
they may call the Events API. They come after the API and never take the place of `/`.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from birdhouse.http.files import file_answer, inside


def public_file(folder: Path | None, request: Request) -> Response | None:
    """The file that the path names, `index.html` of a folder; None when there is none."""
    name = request.url.path.lstrip("/")
    if folder is None or not name or request.method not in ("GET", "HEAD"):
        return None
    path = inside(folder, f"{name}index.html" if name.endswith("/") else name)
    if path is not None:
        return file_answer(request, path, referrer=True)
    if inside(folder, f"{name}/index.html") is not None:
        return RedirectResponse(f"/{name}/")
    return None

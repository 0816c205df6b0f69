"""Birdhouse's own page: what the project holds and what its endpoints answer.

The page is static and holds no secret. Its script asks `/tokens` first, which answers this machine
alone; elsewhere the person gives it a token.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.http.files import file_answer, inside

_FOLDER = Path(str(files("birdhouse"))) / "explorer"


async def page(request: Request) -> Response:
    """The page, for browsers; programs hear that there is nothing here."""
    if "text/html" not in request.headers.get("accept", ""):
        raise HTTPException(404)
    return file_answer(request, _FOLDER / "index.html")


async def part(request: Request) -> Response:
    """One of its scripts and styles."""
    path = inside(_FOLDER, request.path_params["name"])
    if path is None:
        raise HTTPException(404)
    return file_answer(request, path)


routes = [Route("/", page), Route("/explorer/{name:path}", part)]

"""The project's own pages: the files of its folder `dashboard/`, and the chart library for them.

They are served to this machine alone, as everything that is not the API.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from birdhouse.errors import NotFound
from birdhouse.http.context import services
from birdhouse.http.files import file_answer, inside


def libraries() -> dict[str, Path]:
    """The files below `/dashboard/lib/`, by name: Chart.js, as its package brings it."""
    package = Path(str(files("chartkick")))
    licenses = package / "licenses"
    return {
        "Chart.bundle.js": package / "django" / "static" / "chartkick" / "Chart.bundle.js",
        **{path.name: path for path in licenses.glob("LICENSE-*") if "chartkick" not in path.name},
    }


async def library(request: Request) -> Response:
    path = libraries().get(request.path_params["name"])
    if path is None:
        raise HTTPException(404)
    return file_answer(request, path)


async def page(request: Request) -> Response:
    """A file of the folder; `index.html` for the folder itself."""
    folder = services(request).dashboard
    if folder is None:
        raise NotFound(
            "There is no dashboard: start with `birdhouse up PROJECT`, and put pages into the "
            "project's folder dashboard/"
        )
    path = inside(folder, request.path_params["path"] or "index.html")
    if path is None:
        raise HTTPException(404)
    return file_answer(request, path)


async def folder(request: Request) -> Response:
    """Its pages name one another from where they are, so the address ends with a slash."""
    return RedirectResponse("/dashboard/")


routes = [
    Route("/dashboard", folder),
    Route("/dashboard/lib/{name}", library),
    Route("/dashboard/{path:path}", page),
]

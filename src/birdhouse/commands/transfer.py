"""`birdhouse export` and `birdhouse import`."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from birdhouse.commands import options
from birdhouse.commands.client import client_of, json_of, with_server

if TYPE_CHECKING:
    import httpx

_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".ndjson": "application/x-ndjson",
    ".csv": "text/csv",
}
_POLL = 0.5
"""Seconds between two looks at a job."""


@click.command()
@click.argument("datasources", nargs=-1)
@click.option(
    "--to",
    "folder",
    default=Path("export"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files.",
)
@with_server
def export(datasources: Sequence[str], folder: Path, **server: Any) -> None:
    """Write the rows of DATASOURCES to Parquet files: NAME.000.parquet, NAME.001.parquet, ...

    Without a name, of every data source but those that materialized views fill: to import what the
    views read fills them again.
    """
    with client_of(**server) as client:
        for name in datasources or _not_filled_by_views(client):
            present = next(folder.glob(f"{name}.*.parquet"), None)
            if present is not None:
                options.fail(f"{present} exists already: choose another folder with --to")
            files = _download(client, name, folder)
            total = sum(file.stat().st_size for file in files)
            count = "1 file" if len(files) == 1 else f"{len(files)} files"
            click.echo(f"{name}: {count} in {folder} ({options.size(total)})")


def _not_filled_by_views(client: httpx.Client) -> list[str]:
    pipes = json_of(client.get("/v0/pipes"))["pipes"]
    filled = {node["materialized"] for pipe in pipes for node in pipe["nodes"]}
    datasources = json_of(client.get("/v0/datasources"))["datasources"]
    return [found["name"] for found in datasources if found["name"] not in filled]


def _download(client: httpx.Client, name: str, folder: Path) -> list[Path]:
    with client.stream("GET", f"/export/{name}.tar") as response:
        if response.is_error:
            response.read()
            json_of(response)
        folder.mkdir(parents=True, exist_ok=True)
        body = io.BufferedReader(_Body(response.iter_bytes()))
        with tarfile.open(fileobj=body, mode="r|") as tar:
            return [_extract(tar, member, folder) for member in tar]


class _Body(io.RawIOBase):
    """The pieces of an answer as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> Path:
    """Write one file, which has its name when it is whole."""
    content = tar.extractfile(member)
    assert content is not None
    path = folder / Path(member.name).name
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        while piece := content.read(1024 * 1024):
            file.write(piece)
    return partial.rename(path)


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--datasource", help="Data source for the rows; else each file's name up to a dot.")
@with_server
def import_(paths: Sequence[Path], datasource: str | None, **server: Any) -> None:
    """Append the rows of Parquet, NDJSON or CSV files, or of all those in a folder.

    Goes through Tinybird's API: with --host and --token it works against Tinybird Cloud, too.
    """
    with client_of(**server) as client:
        quarantined = 0
        for path in _files(paths):
            name = datasource or path.name.partition(".")[0]
            rows, rejected = _append(client, path, name)
            quarantined += rejected
            click.echo(f"{path}: {rows} rows to {name}, {rejected} to its quarantine")
    if quarantined:
        options.fail(f"{quarantined} rows are in quarantine: the column c__error there says why")


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.iterdir() if file.suffix in _TYPES)
        elif path.suffix in _TYPES:
            yield path
        else:
            options.fail(f"{path} is none of {', '.join(_TYPES)}")


def _append(client: httpx.Client, path: Path, name: str) -> tuple[int, int]:
    """Import a file; gives the rows stored and the rows in quarantine."""
    with path.open("rb") as file:
        job = json_of(
            client.post(
                f"/v1/datasources/{name}/append",
                params={"format": path.suffix[1:]},
                headers={"Content-Type": _TYPES[path.suffix]},
                content=file,
            )
        )
    while job.get("status") not in ("done", "error", "cancelled"):
        time.sleep(_POLL)
        job = json_of(client.get(f"/v0/jobs/{job['id']}", params={"debug": "blocks"}))
    if job["status"] != "done":
        options.fail(f"{path}: {job.get('error') or job['status']}")
    returns = [found for block in job["blocks"] for found in block["process_return"]]
    rejected = sum(found["quarantine"] for found in returns)
    return sum(found["lines"] for found in returns) - rejected, rejected

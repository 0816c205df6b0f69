"""Write the dashboard and the chart library it needs into a folder, for any static host.

The folder is made anew each time. Its pages ask the host that a person names for the numbers, so
it can stand anywhere: on a static host for Tinybird Cloud, or beside a birdhouse.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from birdhouse.http.dashboard import libraries

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "dashboard"
PAGE = "index.html"


def write(folder: Path) -> int:
    """Write the pages; gives how many files there are."""
    if folder.exists():
        if not (folder / PAGE).exists() and any(folder.iterdir()):
            raise click.UsageError(f"{folder} holds something else: name another folder")
        shutil.rmtree(folder)
    shutil.copytree(PAGES, folder)
    (folder / "lib").mkdir()
    for name, path in libraries().items():
        shutil.copyfile(path, folder / "lib" / name)
    return sum(path.is_file() for path in folder.rglob("*"))


@click.command(help=__doc__)
@click.argument(
    "folder", type=click.Path(file_okay=False, path_type=Path), default=ROOT / "build" / "dashboard"
)
def main(folder: Path) -> None:
    click.echo(f"{folder}: {write(folder)} files")


if __name__ == "__main__":
    main()

"""`birdhouse backup` and `birdhouse restore`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from birdhouse.commands import options

if TYPE_CHECKING:
    from birdhouse.datadir import DataDir


@click.command()
@click.argument("archive", type=click.Path(dir_okay=False, path_type=Path))
@options.data_dir
def backup(archive: Path, data_dir: Path) -> None:
    """Write everything in the data dir to the tar file ARCHIVE, while the server runs or not."""
    import httpx

    from birdhouse.datadir import DataDir, StartError
    from birdhouse.restore import BackupError

    place = DataDir(data_dir)
    if not place.store.exists():
        options.fail(f"There is no data dir at {data_dir}: name it with --data-dir")
    if archive.exists():
        options.fail(f"{archive} exists already: name another file")
    try:
        with _pieces(place) as pieces:
            written = _write(pieces, archive)
    except (BackupError, StartError) as error:
        options.fail(str(error))
    except (httpx.HTTPError, OSError) as error:
        options.fail(f"The backup could not be made: {error}")
    click.echo(f"Backed up {data_dir} to {archive} ({options.size(written)})")


def _write(pieces: Iterable[bytes], path: Path) -> int:
    """Write a file that has its name when it is whole; gives its size. Its owner alone reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.writelines(pieces)
            size = file.tell()
        partial.rename(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return size


@contextlib.contextmanager
def _pieces(place: DataDir) -> Iterator[Iterator[bytes]]:
    """The archive: from the server that uses the data dir, or made here when none does."""
    import httpx

    from birdhouse.restore import BackupError
    from birdhouse.workspace.store import Store
    from birdhouse.workspace.workspaces import Workspaces

    if not place.in_use:
        from birdhouse.ingest import RemoteLimits
        from birdhouse.server import open_services

        with open_services(place.path, RemoteLimits()) as services:
            yield services.backups.archive()
        return
    server = place.server
    if server is None:
        raise BackupError(
            f"A birdhouse that does not answer yet uses {place.path}: try again in a moment"
        )
    token = Workspaces(Store(place.store, read_only=True)).account.user_token
    headers = {"Authorization": f"Bearer {token}"}
    # A deployment that is under way may take its time: the backup waits for it.
    timeout = httpx.Timeout(10, read=None)
    with httpx.stream("GET", f"{server.url}/backup.tar", headers=headers, timeout=timeout) as found:
        found.raise_for_status()
        yield found.iter_bytes()


@click.command("restore")
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.data_dir
def restore_(archive: Path, data_dir: Path) -> None:
    """Make the new data dir --data-dir of the backup ARCHIVE."""
    from birdhouse import restore
    from birdhouse.datadir import DataDir, StartError

    try:
        label = restore.restore(archive, DataDir(data_dir))
    except (restore.BackupError, StartError) as error:
        options.fail(str(error))
    except OSError as error:
        options.fail(f"The backup could not be restored: {error}")
    click.echo(
        f"Restored {data_dir} as it was at {label.created_at[:19]} UTC "
        f"({options.size(label.bytes)})"
    )

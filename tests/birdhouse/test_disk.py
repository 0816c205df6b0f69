"""A disk that is full, or that cannot be written: a server on a small file system of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from tests.birdhouse.operations.command import birdhouse
from tests.server import Server, running

_MOUNT = 'mount -t tmpfs -o "$0" none "$1" && shift && exec "$@"'


def on_disk(folder: Path, options: str) -> list[str]:
    """What runs a command with a file system of its own in a folder."""
    folder.mkdir(exist_ok=True)
    return ["unshare", "-rm", "sh", "-c", _MOUNT, options, str(folder)]


@pytest.fixture(autouse=True)
def _mounts(tmp_path: Path) -> None:
    try:
        probe = subprocess.run(
            [*on_disk(tmp_path / "probe", "size=1m"), "true"], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("needs the command unshare, of Linux")
    if probe.returncode:
        pytest.skip("needs user namespaces, to mount a file system of its own")


@contextmanager
def filled(server: Server) -> Iterator[None]:
    """No byte is left on the disk of the data dir."""
    file = Path(f"/proc/{server.process.pid}/root{server.data_dir}/fill")
    with file.open("wb", buffering=0) as fill, pytest.raises(OSError, match="No space left"):
        os.posix_fallocate(fill.fileno(), 0, 1 << 30)
    with file.open("ab", buffering=0) as fill, suppress(OSError):
        while fill.write(bytes(1 << 16)):
            pass
    yield
    file.unlink()


def good(first: int, count: int) -> str:
    return "\n".join(f'{{"n": {n}}}' for n in range(first, first + count))


def test_a_full_disk_refuses_rows_and_loses_none(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    within = on_disk(disk, "size=400m")
    with running(disk / "data", "serve", within=within) as server:
        workspace = server.workspace()
        with workspace.http:
            workspace.build({"things.datasource": "SCHEMA >\n    n Int32 `json:$.n`\n"})
            assert workspace.send("things", good(0, 10)).status_code == 200
            with filled(server):
                refused = workspace.send("things", good(10, 10))
                file = workspace.http.post(
                    "/v0/datasources?name=things&mode=append&format=ndjson", content=good(20, 10)
                )
                rows = workspace.rows("select count() as n from things")
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            assert refused.json()["error"] == "The disk is almost full: nothing was stored"
            assert file.status_code == 503
            assert rows == [{"n": 10}]
            assert workspace.send("things", good(30, 10)).status_code == 200
            assert workspace.rows("select count() as rows, sum(n) as sum from things") == [
                {"rows": 20, "sum": sum(range(10)) + sum(range(30, 40))}
            ]


@pytest.mark.parametrize(
    ("options", "said"), [("ro", "Read-only file system"), ("size=64k", "full")]
)
def test_a_data_dir_that_cannot_be_written_is_named(
    tmp_path: Path, options: str, said: str
) -> None:
    disk = tmp_path / "disk"
    with (
        pytest.raises(AssertionError) as failed,
        running(disk / "data", "serve", within=on_disk(disk, options)),
    ):
        pass
    message = str(failed.value)
    assert f"The data dir {disk / 'data'} cannot be used: " in message
    assert said in message
    assert "Traceback" not in message


def test_a_second_process_leaves_the_first_alone(tmp_path: Path) -> None:
    with running(tmp_path / "data", "serve") as server:
        workspace = server.workspace()
        with workspace.http:
            workspace.build({"things.datasource": "SCHEMA >\n    n Int32 `json:$.n`\n"})
            workspace.send("things", good(0, 10))
            second = birdhouse("serve", "--port", "0", "--data-dir", server.data_dir)
            assert second.returncode == 1
            assert f"Another birdhouse uses the data dir {server.data_dir}" in second.stderr
            assert workspace.send("things", good(10, 10)).status_code == 200
    with running(tmp_path / "data", "serve") as server, server.client(workspace.token) as http:
        found = http.get("/v0/sql", params={"q": "select count() as n from things format JSON"})
        assert found.json()["data"] == [{"n": 20}]
        assert httpx.get(f"{server.url}/v0/health").status_code == 200

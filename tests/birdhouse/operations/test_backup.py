"""`birdhouse backup` and `birdhouse restore`."""

from __future__ import annotations

import gzip
import io
import tarfile
import threading
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from tests.birdhouse.operations.command import fail, succeed
from tests.birdhouse.operations.conftest import send, sql, write_project
from tests.server import Server, running

STATE = (
    "/v0/pipes/page_clicks.json",
    "/v0/tokens",
    "/v1/deployments",
    "/v0/variables",
    "/v0/datasources?attrs=name,id,statistics,columns",
    "/v0/sql?q=select * from clicks order by id",
    "/v0/sql?q=select * from clicks_quarantine",
)


def state(server: Server) -> list[object]:
    """What a server answers about what it holds."""
    with server.client() as http:
        bodies = [http.get(path).json() for path in STATE]
    for body in bodies:
        body.pop("statistics", None)
        body.get("tokens", []).sort(key=lambda token: token["id"])
    return bodies


class Copy(NamedTuple):
    archive: Path
    before: list[object]
    """The state that it is of."""


@pytest.fixture(scope="module")
def copy(clicks: Server, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A backup of the server's data dir."""
    with clicks.client() as http:
        http.post("/v0/variables", params={"name": "key", "value": "secret"})
        http.post("/v0/events?name=clicks&wait=true", content='{"id": "no number"}')
        # Answered after the commit, like any other.
        http.post("/v0/events?name=clicks", content='{"id": 4, "page": "just now"}')
    before = state(clicks)
    archive = tmp_path_factory.mktemp("backup") / "b.tar"
    assert str(archive) in succeed("backup", archive, "--data-dir", clicks.data_dir)
    return Copy(archive, before)


def test_a_restored_data_dir_answers_the_same_and_goes_on(
    clicks: Server, copy: Copy, tmp_path: Path
) -> None:
    succeed("restore", copy.archive, "--data-dir", tmp_path / "restored")
    with running(tmp_path / "restored", "serve") as restored, restored.client() as http:
        assert restored.admin_token == clicks.admin_token
        assert restored.user_token == clicks.user_token
        assert state(restored) == copy.before
        send(http, 100, 2, page="new")
        pages = http.get("/v0/pipes/page_clicks.json").json()["data"]
        assert {"page": "new", "clicks": 2} in pages


def test_batches_are_in_a_backup_whole_or_not_at_all(clicks: Server, tmp_path: Path) -> None:
    """While eight clients write: each batch with all its rows, in the table and in its view."""
    stop = threading.Event()
    rows = 7

    def write(writer: int) -> None:
        with clicks.client() as http:
            number = 0
            while not stop.is_set():
                send(http, 0, rows, page=f"writer{writer}-{number}")
                number += 1

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    try:
        for number in range(2):
            succeed("backup", tmp_path / f"{number}.tar", "--data-dir", clicks.data_dir)
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    found = []
    for number in range(2):
        restored = tmp_path / f"restored{number}"
        succeed("restore", tmp_path / f"{number}.tar", "--data-dir", restored)
        with running(restored, "serve") as server, server.client() as http:
            pages = sql(http, "select page, count() as n from clicks group by page order by page")
            merged = "select page, countMerge(clicks) as n from pages group by page order by page"
            assert sql(http, merged) == pages
            batches = [page for page in pages if str(page["page"]).startswith("writer")]
            assert {page["n"] for page in batches} == {rows}
            found.append(len(batches))
    assert found == sorted(found)
    assert found[0] < found[1]


def test_nothing_of_a_backup_stays_in_the_data_dir(clicks: Server, copy: Copy) -> None:
    assert copy.archive.exists()
    assert not list((clicks.data_dir / "snapshots").iterdir())
    assert not [p for p in (clicks.data_dir / "clickhouse/shadow").iterdir() if p.is_dir()]


def test_a_client_that_leaves_ends_the_backup(clicks: Server) -> None:
    with clicks.client() as http, http.stream("GET", "/backup.tar"):
        pass
    with clicks.client() as http:
        # The next one begins when the one before it has been cleared away, or did not begin.
        assert http.get("/backup.tar").status_code == 200
    assert not list((clicks.data_dir / "snapshots").iterdir())


def test_a_stopped_data_dir_is_backed_up(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    with running(tmp_path / "data", "up", str(project)) as server, server.client() as http:
        send(http, 1, 5)
        server.kill()
    succeed("backup", tmp_path / "b.tar", "--data-dir", tmp_path / "data")
    succeed("restore", tmp_path / "b.tar", "--data-dir", tmp_path / "restored")
    with running(tmp_path / "restored", "serve") as server, server.client() as http:
        assert sql(http, "select count() as n from clicks") == [{"n": 5}]


def test_only_its_owner_may_read_a_backup(copy: Copy) -> None:
    assert copy.archive.stat().st_mode & 0o777 == 0o600


def test_a_backup_wants_an_admin(clicks: Server) -> None:
    with clicks.client() as http:
        tokens = http.get("/v0/tokens").json()["tokens"]
    for name in ("clicker", "reader"):
        token = next(t["token"] for t in tokens if t["name"] == name)
        refused = httpx.get(f"{clicks.url}/backup.tar", params={"token": token})
        assert refused.status_code == 403
    assert httpx.get(f"{clicks.url}/backup.tar").status_code == 403


def test_an_existing_file_is_kept(clicks: Server, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_text("precious")
    said = fail("backup", tmp_path / "b.tar", "--data-dir", clicks.data_dir)
    assert "exists already" in said
    assert (tmp_path / "b.tar").read_text() == "precious"


def test_a_missing_data_dir_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "no") in fail("backup", tmp_path / "b", "--data-dir", tmp_path / "no")
    assert not (tmp_path / "no").exists()


class TestRestore:
    def test_refuses_a_folder_that_is_not_empty(self, copy: Copy, tmp_path: Path) -> None:
        (tmp_path / "mine").write_text("precious")
        assert "not empty" in fail("restore", copy.archive, "--data-dir", tmp_path)
        assert {path.name for path in tmp_path.iterdir()} <= {"mine", "lock"}

    def test_refuses_a_data_dir_in_use(self, copy: Copy, clicks: Server) -> None:
        said = fail("restore", copy.archive, "--data-dir", clicks.data_dir)
        assert "Another birdhouse uses" in said

    @pytest.mark.parametrize("kept", [0.3, 0.9])
    def test_refuses_half_an_archive(self, copy: Copy, tmp_path: Path, kept: float) -> None:
        content = copy.archive.read_bytes()
        (tmp_path / "half.tar").write_bytes(content[: int(len(content) * kept)])
        fail("restore", tmp_path / "half.tar", "--data-dir", tmp_path / "data")
        assert {path.name for path in (tmp_path / "data").iterdir()} == {"lock"}

    def test_refuses_an_archive_that_lacks_a_file(self, copy: Copy, tmp_path: Path) -> None:
        with tarfile.open(copy.archive) as whole, tarfile.open(tmp_path / "less.tar", "w") as less:
            for member in whole:
                if member.name != "birdhouse.sqlite":
                    less.addfile(member, whole.extractfile(member))
        assert "not whole" in fail("restore", tmp_path / "less.tar", "--data-dir", tmp_path / "d")

    def test_refuses_a_file_outside_of_the_folder(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "evil.tar", "w") as tar:
            evil = tarfile.TarInfo("../evil")
            evil.size = 4
            tar.addfile(evil, io.BytesIO(b"evil"))
        said = fail("restore", tmp_path / "evil.tar", "--data-dir", tmp_path / "data" / "dir")
        assert "outside" in said
        assert not list(tmp_path.rglob("evil"))

    def test_refuses_what_is_no_archive(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("hello")
        assert "cannot be read" in fail("restore", tmp_path / "text", "--data-dir", tmp_path / "d")

    def test_reads_a_compressed_archive(self, copy: Copy, tmp_path: Path) -> None:
        (tmp_path / "b.tar.gz").write_bytes(gzip.compress(copy.archive.read_bytes()))
        succeed("restore", tmp_path / "b.tar.gz", "--data-dir", tmp_path / "data")

    def test_that_was_cut_off_is_not_served(self, tmp_path: Path) -> None:
        (tmp_path / "data" / "restoring").mkdir(parents=True)
        said = fail("serve", "--port", 0, "--data-dir", tmp_path / "data")
        assert "restore again" in said

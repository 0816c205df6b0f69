"""Which addresses a URL may lead to, and what a fetch gives up on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from birdhouse.errors import BadRequest, PayloadTooLarge
from birdhouse.ingest.remote import RemoteLimits, fetch, is_public


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_an_address_of_a_machine_or_private_network_is_not(address: str) -> None:
    assert not is_public(address)


class _Pages(BaseHTTPRequestHandler):
    """`/rows`: some rows; `/to/PORT`: a redirect; `/again`: a redirect to itself."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
        elif self.path == "/again":
            self._redirect("/again")
        elif self.path.startswith("/to/"):
            self._redirect(f"http://127.0.0.1:{self.path[4:]}/rows")
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 1000)

    def _redirect(self, target: str) -> None:
        self.send_response(302)
        self.send_header("Location", target)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    _Pages.seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


ALLOWED = RemoteLimits(private=True)


def test_a_file_is_fetched_where_private_addresses_are_allowed(port: int, tmp_path: Path) -> None:
    fetch(f"http://127.0.0.1:{port}/rows", tmp_path / "rows", ALLOWED)
    assert (tmp_path / "rows").stat().st_size == 1000


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1"])
def test_this_machine_is_refused_and_hears_nothing(port: int, tmp_path: Path, host: str) -> None:
    with pytest.raises(BadRequest):
        fetch(f"http://{host}:{port}/rows", tmp_path / "rows", RemoteLimits())
    assert _Pages.seen == []


def test_a_redirect_is_followed(port: int, tmp_path: Path) -> None:
    fetch(f"http://127.0.0.1:{port}/to/{port}", tmp_path / "rows", ALLOWED)
    assert (tmp_path / "rows").stat().st_size == 1000


def test_redirects_come_to_an_end(port: int, tmp_path: Path) -> None:
    with pytest.raises(BadRequest):
        fetch(f"http://127.0.0.1:{port}/again", tmp_path / "rows", ALLOWED)
    assert len(_Pages.seen) <= ALLOWED.redirects + 1


def test_a_file_above_the_limit_is_refused(port: int, tmp_path: Path) -> None:
    limits = ALLOWED._replace(bytes=999)
    with pytest.raises(PayloadTooLarge):
        fetch(f"http://127.0.0.1:{port}/rows", tmp_path / "rows", limits)


def test_an_error_of_the_other_side_is_told(port: int, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="404"):
        fetch(f"http://127.0.0.1:{port}/missing", tmp_path / "rows", ALLOWED)


@pytest.mark.parametrize("url", ["ftp://example.com/x", "file://host/rows.csv", "rows", "s3://x"])
def test_other_kinds_of_url_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest):
        fetch(url, tmp_path / "rows", RemoteLimits())

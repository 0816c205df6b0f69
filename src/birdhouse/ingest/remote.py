"""Fetching a file that a client only names by its URL.

The server must not become a way into its own network: addresses of this machine and of private
networks are refused, for redirects too, unless the operator allows them. The check is made on the
very address that the connection then goes to, so a name cannot point elsewhere in between.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from birdhouse.errors import BadRequest, PayloadTooLarge

_CHUNK = 1024 * 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class RemoteLimits(NamedTuple):
    """What a fetch may use; `private` allows addresses of this machine and private networks."""

    bytes: int = 500 * 1000 * 1000
    seconds: float = 600
    redirects: int = 5
    private: bool = False


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also inside an IPv6 wrapping."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip.teredo is not None:
            inner = ip.teredo[1]
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def fetch(url: str, target: Path, limits: RemoteLimits) -> None:
    """Download an http(s) or s3 URL into a file.

    Raises `BadRequest` for what cannot be fetched and why, and `PayloadTooLarge`.
    """
    scheme = urlsplit(url).scheme.lower()
    if scheme == "s3":
        _fetch_s3(url, target, limits)
    elif scheme in ("http", "https"):
        _fetch_http(url, target, limits)
    else:
        raise BadRequest(f"The url has to begin with http://, https:// or s3://, not '{scheme}'")


def _connect(limits: RemoteLimits) -> Callable[..., socket.socket]:
    def connect(
        address: tuple[str, int], timeout: float | None = None, source: Any = None
    ) -> socket.socket:
        host, port = address
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise BadRequest(f"The host '{host}' of the url cannot be found") from None
        for family, kind, protocol, _, target in found:
            if not limits.private and not is_public(str(target[0])):
                raise BadRequest(
                    f"The url leads to '{host}', an address of this machine or a private network, "
                    "which this server does not fetch from"
                )
            connection = socket.socket(family, kind, protocol)
            connection.settimeout(min(30, limits.seconds))
            try:
                connection.connect(target)
            except OSError:
                connection.close()
                continue
            return connection
        raise BadRequest(f"The host '{host}' of the url does not answer")

    return connect


def _opener(limits: RemoteLimits) -> urllib.request.OpenerDirector:
    connect = _connect(limits)

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            self.sock = connect((self.host, self.port))

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(
                connect((self.host, self.port)), server_hostname=self.host
            )

    class Http(urllib.request.HTTPHandler):
        def http_open(self, request: urllib.request.Request) -> Any:
            return self.do_open(Plain, request)

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> Any:
            return self.do_open(Secure, request)

    class Redirects(urllib.request.HTTPRedirectHandler):
        max_redirections = limits.redirects

    opener = urllib.request.OpenerDirector()
    for handler in (
        Http(),
        Https(),
        Redirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _fetch_http(url: str, target: Path, limits: RemoteLimits) -> None:
    deadline = time.monotonic() + limits.seconds
    size = 0
    try:
        with _opener(limits).open(url, timeout=30) as answer, target.open("wb") as file:
            while chunk := answer.read(_CHUNK):
                size += len(chunk)
                if size > limits.bytes:
                    raise PayloadTooLarge(f"The file at the url has more than {limits.bytes} bytes")
                if time.monotonic() > deadline:
                    raise BadRequest(f"The url took more than {limits.seconds:.0f} seconds")
                file.write(chunk)
    except urllib.error.HTTPError as error:
        raise BadRequest(f"The url answered {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise BadRequest(f"The url cannot be fetched: {error}") from None


def _fetch_s3(url: str, target: Path, limits: RemoteLimits) -> None:
    # The endpoint and the credentials are the operator's own, from the environment.
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    parts = urlsplit(url)
    bucket, key = parts.netloc, parts.path.lstrip("/")
    if not bucket or not key:
        raise BadRequest("An S3 url has the form s3://bucket/key")
    try:
        answer = boto3.client("s3").get_object(Bucket=bucket, Key=key)
        if answer["ContentLength"] > limits.bytes:
            raise PayloadTooLarge(f"The file at the url has more than {limits.bytes} bytes")
        with target.open("wb") as file:
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                file.write(chunk)
    except (BotoCoreError, ClientError) as error:
        raise BadRequest(f"The url cannot be fetched: {error}") from None

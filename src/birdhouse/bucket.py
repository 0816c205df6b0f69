"""A bucket of S3-compatible storage, as a connection sees it.

Credentials are those of the connection, else those of this machine. Where the storage is, no
project can say: it is Amazon's, or what the operator's `AWS_ENDPOINT_URL_S3` names. So none leads
into this machine's network.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from birdhouse.errors import BadRequest
from birdhouse.workspace.resources import Connection

SERVICES = ("s3", "s3_iamrole")

_WILDCARD = re.compile(r"[*?\[{]")


class Object(NamedTuple):
    """A file of the bucket; its `version` changes with its content."""

    key: str
    version: str
    size: int
    modified: datetime


class Bucket:
    """The bucket `name`. Its methods raise `BadRequest` when the storage refuses."""

    def __init__(self, connection: Connection, name: str) -> None:
        import boto3

        settings = connection.settings
        self.name = name
        with self._refusals():
            self._client: Any = boto3.client(
                "s3",
                region_name=settings.get("s3_region"),
                aws_access_key_id=settings.get("s3_access_key"),
                aws_secret_access_key=settings.get("s3_secret"),
            )

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError, ValueError) as error:
            raise BadRequest(f"The bucket '{self.name}' refuses: {error}") from None

    def matching(self, pattern: str) -> Iterator[Object]:
        """The objects whose key fits the pattern, in the order of their keys."""
        fits = _pattern(pattern)
        prefix = _WILDCARD.split(pattern, maxsplit=1)[0]
        with self._refusals():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.name, Prefix=prefix):
                for entry in page.get("Contents", ()):
                    if fits.fullmatch(entry["Key"]) and not entry["Key"].endswith("/"):
                        version, modified = entry["ETag"].strip('"'), entry["LastModified"]
                        yield Object(entry["Key"], version, entry["Size"], modified)

    def fetch(self, found: Object, target: Path) -> None:
        """Download that very version of an object."""
        with self._refusals(), target.open("wb") as file:
            answer = self._client.get_object(Bucket=self.name, Key=found.key, IfMatch=found.version)
            for chunk in answer["Body"].iter_chunks(1024 * 1024):
                file.write(chunk)

    def has(self, key: str) -> bool:
        with self._refusals():
            found = self._client.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1)
            return any(entry["Key"] == key for entry in found.get("Contents", []))

    def put(self, key: str, body: bytes) -> None:
        with self._refusals():
            self._client.put_object(Bucket=self.name, Key=key, Body=body)


def split_uri(uri: str) -> tuple[str, str]:
    """The bucket and the rest of an `s3://bucket/...`. Raises `BadRequest`."""
    place = urlsplit(uri.replace("?", "%3F").replace("#", "%23"))
    if place.scheme != "s3" or not place.netloc:
        raise BadRequest(f"'{uri}' is no address of the form s3://bucket/key")
    return place.netloc, place.path.lstrip("/").replace("%3F", "?").replace("%23", "#")


def _pattern(pattern: str) -> re.Pattern[str]:
    """`*` and `?` stay within a folder, `**` does not, `{a,b}` is one of them; a pattern that ends
    in `/` or is empty means all below."""
    if not pattern or pattern.endswith("/"):
        pattern += "**"
    parts = []
    for part in re.split(r"(\*\*|\*|\?|\{[^}]*\}|\[[^\]]*\])", pattern):
        if part == "**":
            parts.append(".*")
        elif part == "*":
            parts.append("[^/]*")
        elif part == "?":
            parts.append("[^/]")
        elif part.startswith("{") and part.endswith("}"):
            parts.append(f"(?:{'|'.join(map(re.escape, part[1:-1].split(',')))})")
        elif part.startswith("[") and part.endswith("]"):
            parts.append(fnmatch.translate(part)[4:-3])
        else:
            parts.append(re.escape(part))
    return re.compile("".join(parts), re.DOTALL)

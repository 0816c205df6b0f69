"""S3-compatible storage to test against: moto's server on a port of the loopback address, or the
endpoint that BIRDHOUSE_TEST_S3 names, with the credentials of AWS_ACCESS_KEY_ID and so on."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

REAL = os.environ.get("BIRDHOUSE_TEST_S3", "")
KEYS = {
    "access_key": os.environ.get("AWS_ACCESS_KEY_ID", "a"),
    "secret_key": os.environ.get("AWS_SECRET_ACCESS_KEY", "b"),
}
CONNECTION = (
    'TYPE s3\nS3_REGION "us-east-1"\nS3_ACCESS_KEY {{ tb_secret("access_key") }}\n'
    'S3_SECRET {{ tb_secret("secret_key") }}\n'
)


@contextmanager
def storage() -> Iterator[str]:
    """The address of the storage, while the block runs."""
    if REAL:
        yield REAL
        return
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [str(Path(sys.executable).with_name("moto_server")), "-p", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert any("Running on" in line for line in process.stderr)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


class TestBucket:
    """A bucket of its own, made anew; `close` empties and removes it."""

    __test__ = False

    def __init__(self, address: str, name: str = "") -> None:
        self.name = name or f"test-{uuid.uuid4().hex}"
        self.address = address
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id=KEYS["access_key"],
            aws_secret_access_key=KEYS["secret_key"],
        )
        self.client.create_bucket(Bucket=self.name)

    def put(self, key: str, body: bytes | str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def files(self) -> dict[str, bytes]:
        """What is in it."""
        found = self.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        keys = [entry["Key"] for entry in found]
        return {
            key: self.client.get_object(Bucket=self.name, Key=key)["Body"].read() for key in keys
        }

    def close(self) -> None:
        for key in self.files():
            self.client.delete_object(Bucket=self.name, Key=key)
        self.client.delete_bucket(Bucket=self.name)
        self.client.close()

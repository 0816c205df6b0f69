"""What a program does with tinybird-sdk; run by a Python that has it.

The arguments are the address and a token; prints what the client returned, as JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tinybird_sdk.client import create_client  # type: ignore[import-not-found]
from tinybird_sdk.client.types import TinybirdError  # type: ignore[import-not-found]


def main(url: str, token: str) -> None:
    client = create_client({"base_url": url, "token": token})
    found: dict[str, Any] = {
        "query": client.query("recent", {"tenant": "bee", "limit": 2})["data"],
        "list": client.query("echo", {"items": ["x", "y"]})["data"][0]["items"],
        "left out": client.query("recent", {"tenant": None, "limit": 1})["rows"],
        "sql": client.sql("select count() as c from visits")["data"],
        "ingest": client.ingest("pages", {"path": "/sdk"}),
        "ingest batch": client.ingest_batch(
            "visits",
            [
                {
                    "id": 1000 + number,
                    "tenant": "sdk",
                    "user": "u",
                    "at": dt.datetime(2040, 1, 1, tzinfo=dt.UTC),
                    "price": 1.5,
                    "tags": ["a"],
                }
                for number in range(2)
            ],
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pages.ndjson"
        path.write_text('{"path": "/file"}\n')
        found["append"] = client.datasources.append("pages", {"file": str(path)})["error"]
    found["pages"] = client.sql("select path from pages order by path")["data"]
    found["delete"] = client.datasources.delete("pages", {"delete_condition": "path = '/sdk'"})[
        "status"
    ]
    client.datasources.truncate("pages")
    found["after truncate"] = client.sql("select count() as c from pages")["data"]
    made = client.tokens.create_jwt(
        {
            "name": "sdk",
            "expires_at": dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
            "scopes": [
                {"type": "PIPES:READ", "resource": "recent", "fixed_params": {"tenant": "ant"}}
            ],
        }
    )
    limited = create_client({"base_url": url, "token": made["token"]})
    found["jwt"] = limited.query("recent", {"tenant": "bee", "limit": 1})["data"]
    try:
        client.query("nope")
    except TinybirdError as error:
        found["error"] = [error.status_code, str(error)]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])

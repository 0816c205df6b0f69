"""Connections as the API shows them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server import Server, Workspace

KAFKA = (
    "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS broker:9092\n"
    'KAFKA_KEY {{ tb_secret("user") }}\nKAFKA_SECRET {{ tb_secret("password") }}\n'
)
BUCKET = 'TYPE s3\nS3_REGION "us-east-1"\nS3_ARN "arn:aws:iam::123456789012:role/exports"\n'
THINGS = 'SCHEMA >\n    n Int32 `json:$.n`\n\nENGINE "MergeTree"\n'
SECRETS = {"user": "very-user", "password": "very-password"}


@pytest.fixture(scope="module")
def connected(server: Server) -> Iterator[Workspace]:
    workspace = server.workspace()
    with workspace.http:
        for name, value in SECRETS.items():
            workspace.http.post("/v0/variables", data={"name": name, "value": value})
        workspace.build(
            {
                "broker.connection": KAFKA,
                "bucket-of-us.connection": BUCKET,
                "things.datasource": THINGS,
            }
        )
        yield workspace


def test_connections_are_listed_by_service_without_their_secrets(connected: Workspace) -> None:
    answer = connected.http.get("/v0/connectors")
    assert not any(value in answer.text for value in SECRETS.values())
    services = {c["name"]: c["service"] for c in answer.json()["connectors"]}
    assert services == {"broker": "kafka", "bucket-of-us": "s3"}
    (broker,) = connected.http.get("/v0/connectors?service=kafka").json()["connectors"]
    assert broker["settings"] == {"kafka_bootstrap_servers": "broker:9092"}
    assert broker["linkers"] == []


@pytest.mark.parametrize("key", ["name", "id"])
def test_a_connection_is_found_by_name_and_id(connected: Workspace, key: str) -> None:
    (bucket,) = connected.http.get("/v0/connectors?service=s3").json()["connectors"]
    assert connected.http.get(f"/v0/connectors/{bucket[key]}").json() == bucket


def test_the_datafile_names_its_secrets(connected: Workspace) -> None:
    found = connected.http.get("/v0/connectors/broker.connection?include_metadata=true").json()
    assert found == {"content": KAFKA, "warnings": []}


@pytest.mark.parametrize("path", ["none", "none.connection", "none/preview"])
def test_a_connection_that_is_none_is_not_found(connected: Workspace, path: str) -> None:
    answer = connected.http.get(f"/v0/connectors/{path}")
    assert answer.status_code == 404
    assert "'none'" in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ""), ("PUT", "/broker"), ("DELETE", "/broker")],
)
def test_only_deployments_change_connections(connected: Workspace, method: str, path: str) -> None:
    answer = connected.http.request(method, f"/v0/connectors{path}")
    assert answer.status_code == 403
    assert "connections" in answer.json()["error"]
    assert "deployments" in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "sample"),
        ("POST", "start"),
        ("POST", "stop"),
        ("POST", "scheduling/runs"),
        ("GET", "scheduling/state"),
        ("PUT", "scheduling/state"),
    ],
)
def test_what_a_connection_brings_in_is_not_read(
    connected: Workspace, method: str, path: str
) -> None:
    answer = connected.http.request(method, f"/v0/datasources/things/{path}")
    assert answer.status_code == 400
    assert "'things' has no connection that is read here" in answer.json()["error"]
    missing = connected.http.request(method, f"/v0/datasources/none/{path}")
    assert missing.status_code == 404


def test_a_preview_is_refused(connected: Workspace) -> None:
    answer = connected.http.get("/v0/connectors/bucket-of-us/preview")
    assert answer.status_code == 400
    assert "'bucket-of-us' has no preview here" in answer.json()["error"]


def test_a_token_that_only_reads_sees_no_connection(connected: Workspace) -> None:
    params = {"name": "reader", "scope": "WORKSPACE:READ_ALL"}
    token = connected.http.post("/v0/tokens", params=params).json()["token"]
    with connected.server.client(token) as http:
        assert http.get("/v0/connectors").status_code == 403
        assert http.get("/v0/connectors/broker.connection").status_code == 403

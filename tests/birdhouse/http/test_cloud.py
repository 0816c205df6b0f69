"""What needs Tinybird Cloud is answered with a sentence that says so."""

from __future__ import annotations

import httpx
import pytest
from tests.server import Workspace

from birdhouse.http.cloud import SENTENCES

CALLS = [
    (method, path.replace("{", "").replace("}", ""), sentence)
    for (path, methods), sentence in SENTENCES.items()
    for method in methods.split()
]


@pytest.mark.parametrize(("method", "path", "sentence"), CALLS)
def test_it_is_refused_with_a_sentence(
    workspace: Workspace, method: str, path: str, sentence: str
) -> None:
    answer = workspace.http.request(method, path)
    assert answer.status_code == 400
    assert answer.json()["error"] == sentence
    assert "Tinybird" in sentence
    assert httpx.request(method, f"{workspace.server.url}{path}").status_code == 403


def test_there_is_no_branch(workspace: Workspace) -> None:
    assert workspace.http.get("/v1/environments").json() == {"environments": []}

from __future__ import annotations

import pytest

from birdhouse.errors import BadRequest
from birdhouse.ingest.jsonpath import key_path, parse_jsonpath


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("$", ()),
        ("$.a", ("a",)),
        ("$.a.b", ("a", "b")),
        ("$.a[:]", ("a", None)),
        ("$.a[:].b", ("a", None, "b")),
        ("$.a[:].b[:]", ("a", None, "b", None)),
        ("$.a.[:]", ("a", None)),
        ("$[:]", (None,)),
        ("$.user-agent", ("user-agent",)),
        ("$.@type", ("@type",)),
        ("$.with space", ("with space",)),
        ("$['a.b']", ("a.b",)),
        ("$.['a.b'].c", ("a.b", "c")),
        ('$["a[:]"]', ("a[:]",)),
        ('$."a.b"', ("a.b",)),
        (r"$['it\'s']", ("it's",)),
        ("$.ñ", ("ñ",)),
    ],
)
def test_reads_paths(path: str, steps: tuple[str | None, ...]) -> None:
    assert parse_jsonpath(path) == steps


@pytest.mark.parametrize(
    "path", ["", "a", ".a", "$a", "$..a", "$.a[0]", "$.a[?(@.b)]", "$.", "$.a["]
)
def test_refuses_what_is_no_path(path: str) -> None:
    with pytest.raises(BadRequest, match="Invalid JSONPath"):
        parse_jsonpath(path)


@pytest.mark.parametrize("key", ["a", "a.b", "it's", "back\\slash", "[:]", "ñ"])
def test_makes_the_path_of_a_key(key: str) -> None:
    assert parse_jsonpath(key_path(key)) == (key,)

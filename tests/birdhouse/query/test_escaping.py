"""Whatever a parameter holds, it stays one value: it comes back as it was sent."""

from __future__ import annotations

import os
import re

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.birdhouse.reading import TENANTS
from tests.server import Workspace

# What a URL or a form can carry: every character but the halves of a surrogate pair.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
FRAGMENTS = """ ' \\ " ` % -- /* */ {{ }} {% %} {x:String} ; $$ \\' or 1=1 ) union all select 1 """
SPEAKING = st.lists(
    st.sampled_from([*FRAGMENTS.split(), "\0", "\n", "\r", "\t", "\x1a", "\x08", " "]), max_size=8
).map("".join)
ANY = st.one_of(TEXTS, SPEAKING)
MANY = int(os.environ.get("BIRDHOUSE_EXAMPLES", "50"))


def escaped(text: str) -> str:
    """What becomes of a text on Tinybird: its template engine puts a backslash before `%`."""
    return text.replace("%", "\\%")


@settings(max_examples=MANY * 2, deadline=None)
@given(text=ANY)
def test_a_text_comes_back_byte_for_byte(reading: Workspace, text: str) -> None:
    answer = reading.http.post("/v0/pipes/echo.json", data={"text": text})
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["data"]
    assert row["text"] == escaped(text)
    assert row["bytes"] == len(escaped(text).encode())


@settings(max_examples=MANY, deadline=None)
@given(items=st.lists(ANY.map(lambda text: text.replace(",", "")), min_size=1, max_size=4))
def test_a_list_keeps_its_items(reading: Workspace, items: list[str]) -> None:
    answer = reading.http.post("/v0/pipes/echo.json", json={"items": items})
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"][0]["items"] == [escaped(item) for item in items]


@settings(max_examples=MANY, deadline=None)
@given(text=ANY)
def test_a_filter_never_finds_more_than_its_value(reading: Workspace, text: str) -> None:
    answer = reading.http.post("/v0/pipes/recent.json", data={"tenant": text, "limit": "100"})
    assert answer.status_code == 200, answer.text
    assert {row["tenant"] for row in answer.json()["data"]} <= {text} & set(TENANTS)


@settings(max_examples=MANY, deadline=None)
@given(text=ANY)
@pytest.mark.parametrize("name", ["number", "items"])
def test_a_number_is_a_number_or_refused(reading: Workspace, name: str, text: str) -> None:
    answer = reading.http.post("/v0/pipes/echo.json", data={name: text})
    if name == "number" and not re.fullmatch(r"[-+]?\d+", text.strip(), re.ASCII):
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("Template Syntax Error: Error validating")
    else:
        assert answer.status_code == 200, answer.text


LITERALS = ("true", "false", "null", "inf", "infinity", "nan")
"""Values that are written like names."""


@settings(max_examples=MANY, deadline=None)
@given(text=ANY)
@example(text="FALSE")
@pytest.mark.parametrize("endpoint", ["from_table", "from_columns"])
def test_names_as_parameters_name_nothing_else(
    reading: Workspace, endpoint: str, text: str
) -> None:
    answer = reading.http.post(
        f"/v0/pipes/{endpoint}.json", data={"name": text, "names": text, "one": "tenant"}
    )
    if answer.status_code == 200:
        names = ("visits", "pages", "id", "tenant", "user", "at", "price", "")
        assert text.strip() in names or text.strip().lower() in LITERALS
    else:
        assert answer.status_code == 400


@settings(max_examples=MANY, deadline=None)
@given(text=ANY, value=ANY)
def test_parameters_that_nobody_asked_for_do_nothing(
    reading: Workspace, text: str, value: str
) -> None:
    name = f"x{text}"
    answer = reading.http.post("/v0/pipes/echo.json", data={name: value})
    assert answer.json()["data"][0]["text"] == "nothing"


INTERNAL = [
    "expression_wrapper",
    "tb_secrets",
    "tb_secret_dont_raise",
    "_tt_utf8",
    "_tt_string_types",
    "_tt_execute",
    "xhtml_escape",
    "__builtins__",
    "__name__",
    "__loader__",
    "String",
    "Array",
]


@pytest.mark.parametrize("name", INTERNAL)
def test_a_parameter_does_not_replace_the_template_engine(reading: Workspace, name: str) -> None:
    answer: httpx.Response = reading.http.get("/v0/pipes/echo.json", params={name: "x"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"][0]["text"] == "nothing"

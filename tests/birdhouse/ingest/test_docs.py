"""docs/ingestion.md says what becomes of every type that is tested, and of every error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.birdhouse.ingest.test_values import VALUES

from birdhouse.ingest.datatype import parse_type

TEXT = (Path(__file__).parents[3] / "docs" / "ingestion.md").read_text()


@pytest.mark.parametrize("type_", VALUES)
def test_types_are_documented(type_: str) -> None:
    family = parse_type(type_).unwrap()[0].family
    signed = re.fullmatch(r"(U?Int)\d+", family)
    assert f"`{signed[1]}8` … `{signed[1]}256`" in TEXT if signed else f"`{family}" in TEXT


@pytest.mark.parametrize("status", [400, 413, 422, 429, 503])
def test_answers_are_documented(status: int) -> None:
    assert f"\n| {status}" in TEXT

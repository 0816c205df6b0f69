"""The harness itself: what a page does wrong fails its test."""

from __future__ import annotations

from pathlib import Path

from tests.browser.page import Page


def test_errors_of_a_page_are_seen(page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text("<h1>Here</h1><script>throw new Error('seen')</script>")
    page.open(broken.as_uri())
    assert page.text("h1") == "Here"
    (error,) = page.errors()
    assert "seen" in error
    assert page.errors() == []

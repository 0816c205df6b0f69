"""Tests in a browser. Without one they are left out, and the last lines of the run say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from tests import skipping
from tests.browser.chromium import BROWSER, DRIVER, chromium
from tests.browser.page import Page

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if BROWSER is None or DRIVER is None:
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=skipping.NO_BROWSER))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """A browser with a profile of its own."""
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def page(driver: WebDriver) -> Iterator[Page]:
    """A window, empty and 1280 wide. The test fails when a page in it logs an error."""
    page = Page(driver)
    page.resize(1280, 900)
    page.errors()
    yield page
    errors = page.errors()
    # Nothing of this test stays: not what it stored, and no page that asks for more.
    if driver.current_url.startswith("http"):
        page.run("localStorage.clear(); sessionStorage.clear()")
    driver.get("about:blank")
    page.prefer("light")
    assert not errors, "\n".join(errors)

"""Headless Chromium: where it is, and how it is started.

CHROME_BIN and CHROMEDRIVER_BIN name another browser and its driver than those that are installed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--lang=en-US",
)


def _program(variable: str, names: Sequence[str]) -> str | None:
    candidates = [os.environ[variable]] if os.environ.get(variable) else names
    return next((found for name in candidates if (found := shutil.which(name))), None)


BROWSER = _program("CHROME_BIN", ["chromium", "chromium-browser", "google-chrome"])
DRIVER = _program("CHROMEDRIVER_BIN", ["chromedriver"])


@contextmanager
def chromium(profile: Path) -> Iterator[WebDriver]:
    """A browser with this profile, until the block ends."""
    assert BROWSER is not None
    assert DRIVER is not None
    options = ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # With the path of the driver Selenium looks for none, and downloads none.
    driver = WebDriver(options, Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()

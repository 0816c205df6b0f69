"""A page in a browser, as a person sees and uses it; what it logs as an error is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE = 20.0
"""Seconds to wait for what must come. Nothing waits so long unless a test fails."""
POLL = 0.05
T = TypeVar("T")


class Page:
    """The window of a browser. Selectors are CSS."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver
        self._expected: list[str] = []

    def open(self, url: str) -> None:
        """Go there, also when only the fragment is another one."""
        if self.driver.current_url.partition("#")[0] == url.partition("#")[0]:
            self.driver.get("about:blank")
        self.driver.get(url)

    @property
    def url(self) -> str:
        return str(self.driver.current_url)

    def until(self, condition: Callable[[], T | None], what: str) -> T:
        """Wait until the condition holds, and give what it gave. Elements that are drawn anew
        meanwhile do not matter."""
        wait = WebDriverWait(
            self.driver, PATIENCE, POLL, ignored_exceptions=[StaleElementReferenceException]
        )
        return wait.until(lambda _: condition() or False, what)

    def all(self, selector: str) -> list[WebElement]:
        """The elements that are there now."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def find(self, selector: str) -> WebElement:
        """The first such element, as soon as it is there."""
        return self.until(lambda: next(iter(self.all(selector)), None), f"no {selector}")

    def shown(self, selector: str) -> WebElement:
        """The first such element that can be seen."""
        return self.until(
            lambda: next((e for e in self.all(selector) if e.is_displayed()), None),
            f"no {selector} can be seen",
        )

    def count(self, selector: str, wanted: int) -> None:
        """Wait until there are so many of these elements."""
        self.until(lambda: len(self.all(selector)) == wanted, f"not {wanted} of {selector}")

    def texts(self, selector: str) -> list[str]:
        """The texts of the elements that are there now, also of those out of sight."""
        script = (
            "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())"
        )
        found: list[str] = self.run(script, selector)
        return found

    def text(self, selector: str) -> str:
        """The text of the first such element, as soon as it is there."""
        return self.until(lambda: self.texts(selector), f"no {selector}")[0]

    def await_text(self, selector: str, wanted: str) -> None:
        """Wait until one of these elements holds the text."""
        self.until(
            lambda: any(wanted in text for text in self.texts(selector)),
            f"no {selector} says {wanted!r}",
        )

    def await_url(self, part: str) -> None:
        """Wait until the address holds this."""
        self.until(lambda: part in self.url, f"no {part} in the address")

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select by its value."""
        field = self.shown(selector)
        script = "return [...arguments[0].options].find(one => one.value === arguments[1])"
        self.run(script, field, value).click()

    def click(self, selector: str) -> None:
        """Click it, in the middle of the window, where nothing that sticks lies over it."""
        element = self.shown(selector)
        self.run("arguments[0].scrollIntoView({ block: 'center' })", element)
        element.click()

    def fill(self, selector: str, text: str) -> None:
        """Write a text into a field instead of what it holds."""
        field = self.shown(selector)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text or Keys.DELETE)

    def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def run(self, script: str, *arguments: Any) -> Any:
        """What JavaScript returns; a promise is waited for."""
        return self.driver.execute_script(script, *arguments)  # type: ignore[no-untyped-call]

    def resize(self, width: int, height: int) -> None:
        """Give the page itself this size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, scheme: str) -> None:
        """Say that the person prefers `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def screenshot(self, target: Path) -> None:
        self.driver.get_screenshot_as_file(str(target))

    def expect_error(self, pattern: str) -> None:
        """An error whose text has this is part of the test."""
        self._expected.append(pattern)

    def errors(self) -> list[str]:
        """The errors since the last call that nobody expects: exceptions, what the
        Content-Security-Policy blocked, what could not be loaded."""
        logged = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        texts = [str(entry["message"]) for entry in logged if entry["level"] == "SEVERE"]
        return [
            text
            for text in texts
            if not any(re.search(pattern, text) for pattern in self._expected)
        ]

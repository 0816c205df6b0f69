"""Draw the pictures in docs/images: `make screenshots`.

They show a birdhouse with two months of generated visits that end now.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import chromium
from tests.browser.page import Page
from tests.browser.shown import settle
from tests.server import Server, running

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "docs" / "images"
VISITS = [
    ("--history", "62d", "--rows", "30000", "--tenants", "6", "--seed", "11"),
    ("--rows", "240", "--datasource", "user_sessions", "--tenants", "6", "--seed", "12"),
]
BOTH = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
PICTURES = {
    "overview": BOTH,
    "funnel": [(1280, "light")],
    "retention": [(1280, "dark")],
    "sessions": [(1280, "light")],
}
LOOK = {
    "funnel": "&steps=page_view,search,add_to_cart,checkout_start",
    "retention": "&range=90d&interval=week",
    "sessions": "&order=duration",
}


def fill(server: Server) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "seed.py")]
    command += ["--host", server.url, "--token", server.admin_token]
    for visits in VISITS:
        subprocess.run([*command, *visits], check=True)


def draw(page: Page, server: Server) -> None:
    for view, looks in PICTURES.items():
        for width, scheme in looks:
            page.resize(width, 900)
            page.prefer(scheme)
            page.open(f"{server.url}/dashboard/#view={view}&tz=UTC{LOOK.get(view, '')}")
            settle(page)
            if view == "sessions":
                page.click("[data-session]")
                page.find(".timeline li")
                settle(page)
            else:
                page.resize(width, int(page.run("return document.documentElement.offsetHeight")))
            page.run("return new Promise(drawn => setTimeout(drawn, 400))")  # charts move in
            page.screenshot(TARGET / f"{view}-{width}-{scheme}.png")


def draw_explorer(page: Page, server: Server) -> None:
    def explore(place: str, width: int, height: int, scheme: str) -> None:
        page.resize(width, height)
        page.prefer(scheme)
        page.open(f"{server.url}/#/{place}")
        page.find("main h1")
        page.until(lambda: not page.all("main [aria-busy]"), "still loading")

    for width in (1280, 390):
        explore("", width, 900, "light")
        page.screenshot(TARGET / f"explorer-{width}.png")
    explore("pipe/funnel", 390, 844, "dark")
    page.run("scrollTo(0, document.querySelector('.fields').offsetTop - 50)")
    page.screenshot(TARGET / "explorer-endpoint-390.png")
    explore("pipe/event_series", 1280, 1000, "light")
    page.fill("[name=interval]", "day")
    page.click("main button.primary")
    page.click(".tabs button:nth-child(2)")
    page.run("scrollTo(0, document.querySelector('.actions').offsetTop - 300)")
    page.screenshot(TARGET / "explorer-endpoint-1280.png")


def draw_demo(page: Page, server: Server) -> None:
    page.resize(1280, 800)
    page.prefer("light")
    page.open(f"{server.url}/demo/?utm_source=news")
    page.await_text(".events em", "sent")
    page.click("[data-add=robin]")
    page.fill("form [name=text]", "<b>Lovely</b>")
    page.click("form button")
    page.click("header a[href='cart.html']")
    page.until(lambda: page.texts(".events em") == ["sent"] * 4, "not all are sent")
    page.until(lambda: page.texts(".live b")[1] == "4", "not all are live")
    page.screenshot(TARGET / "tracker-demo-1280.png")


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with (
            running(data, "up", str(ROOT), "--no-fixtures") as server,
            chromium(Path(folder) / "profile") as driver,
        ):
            fill(server)
            page = Page(driver)
            draw(page, server)
            draw_explorer(page, server)
            draw_demo(page, server)


if __name__ == "__main__":
    main()

"""The dashboard in a browser, on a birdhouse with this project and its fixtures.

What a widget shows is compared with what its endpoint answers to the same question.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys
from tests.browser.page import Page
from tests.browser.shown import (
    ZONE,
    Row,
    ask,
    expected_figures,
    figures,
    send,
    session_row,
    settle,
    show,
    table,
)
from tests.browser.written import NOTHING, day, duration, number, percent
from tests.server import Server, running

import dashboard
from tenant_token import mint

ROOT = Path(__file__).resolve().parents[2]
APRIL = {"start_date": "2025-04-01 00:00:00", "end_date": "2025-04-30 23:59:59"}
MAY = {"start_date": "2025-05-01 00:00:00", "end_date": "2025-05-31 23:59:59"}
SHOWN_APRIL = f"range=custom&from=2025-04-01&to=2025-04-30&tz={ZONE}"
SHOWN_MAY = f"range=custom&from=2025-05-01&to=2025-05-31&tz={ZONE}"
VIEWS = ("overview", "funnel", "retention", "sessions")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("dashboard") / "data"
    with running(data, "up", str(ROOT)) as server:
        yield server


@pytest.fixture(scope="module")
def workspace_id(server: Server) -> str:
    with server.client() as http:
        return str(http.get("/v1/workspace").json()["id"])


def test_key_figures_are_those_of_the_endpoint(page: Page, server: Server) -> None:
    show(page, server, SHOWN_APRIL)
    current, previous, change = ask(server, "session_kpis", compare="previous", **APRIL)
    assert figures(page) == expected_figures(current)
    delta = page.text("[data-kpi=session_count] .delta")
    assert percent(abs(change["session_count"])) in delta
    assert f"{number(previous['session_count'])} in the period before" in delta


def test_the_series_has_both_periods(page: Page, server: Server) -> None:
    show(page, server, SHOWN_APRIL)
    page.click("[data-widget=series] summary")
    now = ask(server, "event_series", interval="day", **APRIL)
    before = {"start_date": "2025-03-02 00:00:00", "end_date": "2025-03-31 23:59:59"}
    earlier = ask(server, "event_series", interval="day", **before)
    for metric, column in (
        ("sessions", "session_count"),
        ("events", "event_count"),
        ("users", "unique_users"),
    ):
        page.click(f"[data-value={metric}]")
        settle(page)
        assert sum(row[column] for row in now) > 0
        assert [cells[1:] for cells in table(page, "[data-widget=series]")] == [
            [number(row[column]), number(old[column])]
            for row, old in zip(now, earlier, strict=True)
        ]


RANKINGS = [
    ("pages", "entries", "entry_exit_pages", {}, "entry_"),
    ("pages", "exits", "entry_exit_pages", {"order_by": "exits"}, "exit_"),
    ("sources", "channel", "acquisition", {}, "session_"),
    ("sources", "referrer", "acquisition", {"by": "referrer"}, "session_"),
    ("sources", "utm_campaign", "acquisition", {"by": "utm_campaign"}, "session_"),
    ("places", "country", "event_breakdown", {"by": "country"}, "event_"),
    ("devices", "device_type", "event_breakdown", {"by": "device_type"}, "event_"),
    ("devices", "os", "event_breakdown", {"by": "os"}, "event_"),
    ("apps", "platform", "event_breakdown", {"by": "platform"}, "event_"),
    ("apps", "app_version", "event_breakdown", {"by": "app_version"}, "event_"),
    ("events", "event_type", "event_breakdown", {"by": "event_type"}, "event_"),
]
COUNTRIES = {
    "BR": "Brazil",
    "DE": "Germany",
    "ES": "Spain",
    "FR": "France",
    "GB": "United Kingdom",
    "IN": "India",
    "US": "United States",
}


def label(row: Row) -> str:
    if row["is_other"]:
        return "Others"
    value = str(row.get("value", row.get("page"))) or "(none)"
    return COUNTRIES.get(value, value)


def test_rankings_are_those_of_their_endpoints(page: Page, server: Server) -> None:
    show(page, server, SHOWN_APRIL)
    for key, question, endpoint, parameters, what in RANKINGS:
        if button := page.all(f"[data-widget={key}] [data-value={question}]"):
            button[0].click()
            settle(page)
        rows = [
            [
                label(row),
                number(row[f"{what}count"]),
                percent(row.get("share", row.get(f"{what}share"))),
            ]
            for row in ask(server, endpoint, limit=8, **APRIL, **parameters)
            if row[f"{what}count"]
        ]
        found = table(page, f"[data-widget={key}]")
        assert rows
        assert found == rows, question


def test_a_funnel_is_built_step_by_step(page: Page, server: Server) -> None:
    show(page, server, f"view=funnel&{SHOWN_APRIL}")
    page.click(".add")
    page.count(".steps select", 4)
    page.click("[aria-label=Remove][data-focus=remove-3]")
    page.count(".steps select", 3)
    for index, step in enumerate(("page_view", "add_to_cart", "checkout_start")):
        page.choose(f"[data-focus=step-{index}]", step)
    page.click("[data-value=session]")
    page.await_url("steps=page_view%2Cadd_to_cart%2Ccheckout_start")
    settle(page)
    rows = ask(
        server, "funnel", steps="page_view,add_to_cart,checkout_start", unit="session", **APRIL
    )
    page.count("table.funnel tbody tr", 3)
    assert [[cells[0], *cells[2:4]] for cells in table(page, "table.funnel")] == [
        [
            f"{row['step']}{row['event_type']}",
            number(row["unit_count"]),
            percent(row["conversion_rate"]),
        ]
        for row in rows
    ]
    assert page.text("table.funnel thead th:nth-child(3)") == "Sessions"
    page.click("[data-focus=up-2]")
    page.await_url("steps=page_view%2Ccheckout_start%2Cadd_to_cart")


@pytest.mark.parametrize("interval", ["week", "month"])
def test_the_retention_grid_has_every_cell(page: Page, server: Server, interval: str) -> None:
    show(page, server, f"view=retention&interval={interval}&{SHOWN_APRIL}")
    rows = ask(server, "retention", interval=interval, intervals=12, limit=24, **APRIL)
    cohorts: dict[str, list[Row]] = {}
    for row in rows:
        if row["cohort_size"]:
            cohorts.setdefault(row["cohort"], []).append(row)
    assert cohorts
    assert [cells[1:] for cells in table(page, "table.grid")] == [
        [number(cells[0]["cohort_size"]), *(percent(cell["retention_rate"]) for cell in cells)]
        for cells in cohorts.values()
    ]
    if interval == "week":
        assert [cells[0] for cells in table(page, "table.grid")] == [day(c) for c in cohorts]


def test_sessions_come_page_by_page_and_open(page: Page, server: Server) -> None:
    period = {"start_date": "2025-03-01 00:00:00", "end_date": "2025-05-31 23:59:59"}
    show(page, server, f"view=sessions&range=custom&from=2025-03-01&to=2025-05-31&tz={ZONE}")
    rows = ask(server, "session_list", limit=100, **period)
    listed = "[data-session]"
    for pages in (1, 2):
        page.count(listed, 25 * pages)
        if pages == 1:
            page.click(".more")
    ids = page.run(
        "return [...document.querySelectorAll('[data-session]')].map(e => e.dataset.session)"
    )
    assert ids == [row["session_id"] for row in rows[:50]]
    assert [cells[1:5] for cells in table(page, "table.list")] == [
        [
            row["user_id"] or NOTHING,
            duration(row["session_duration_seconds"]),
            number(row["event_count"]),
            row["entry_page"] or NOTHING,
        ]
        for row in rows[:50]
    ]
    page.click(listed)
    page.await_text(".timeline li", "")
    steps = ask(server, "session_timeline", session_id=ids[0], tenant_id=rows[0]["tenant_id"])
    assert page.texts(".timeline .what") == [f"{s['event_type']} {s['page']}" for s in steps]
    assert page.texts(".timeline .since") == [
        f"+{duration(s['seconds_since_previous'])}" for s in steps[1:]
    ]
    assert page.texts(".timeline pre") == [
        json.dumps(json.loads(s["event_data"]), indent=2, ensure_ascii=False) for s in steps
    ]


def test_what_arrives_is_live_at_once(page: Page, server: Server) -> None:
    tenant = f"live_{uuid.uuid4().hex}"
    page.open(f"{server.url}/dashboard/#tenant={tenant}")
    live = "[data-figure=live-sessions]"
    page.await_text(live, "0")
    send(server, "user_sessions", [session_row(tenant), session_row(tenant, session_id="other")])
    page.await_text(live, "2")
    assert page.texts("[data-widget=live] .pages li") == [f"/{tenant}2"]
    page.click("[data-widget=live] summary")
    page.until(
        lambda: sum(int(row[1]) for row in table(page, "[data-widget=live]")) == 2,
        "the minutes do not add up",
    )
    send(server, "user_sessions", [session_row(tenant, event_type="click")])
    page.await_text("[data-widget=live] .note", "3 events")


def test_switches_change_the_numbers_and_back_leads_back(page: Page, server: Server) -> None:
    show(page, server, SHOWN_APRIL)
    everybody = expected_figures(ask(server, "session_kpis", **APRIL)[0])
    one = expected_figures(ask(server, "session_kpis", tenant_id="tenant_1", **APRIL)[0])
    later = expected_figures(ask(server, "session_kpis", tenant_id="tenant_1", **MAY)[0])
    assert everybody != one != later

    def shows(wanted: dict[str, str]) -> None:
        page.until(lambda: figures(page) == wanted, f"not {wanted}")

    shows(everybody)
    page.choose("[data-control=tenant]", "=tenant_1")
    shows(one)
    for name, value in (("to", "05312025"), ("from", "05012025")):
        page.shown(f"[data-control={name}]").send_keys(value)
        page.await_url(f"{name}=2025-05")
    shows(later)
    page.driver.back()
    page.driver.back()
    shows(one)
    page.driver.back()
    shows(everybody)
    # Midnight is another moment elsewhere.
    period = {"start_date": "2025-05-28 00:00:00", "end_date": "2025-05-28 23:59:59"}
    show(page, server, "range=custom&from=2025-05-28&to=2025-05-28&tz=UTC")
    for zone in ("UTC", "Asia/Tokyo", "Pacific/Auckland"):
        page.choose("[data-control=tz]", zone)
        (there,) = ask(server, "session_kpis", **{**period, "time_zone": zone})
        page.await_text("[data-kpi=session_count] .figure", number(there["session_count"]))


def test_what_is_not_there_is_said(page: Page, server: Server) -> None:
    page.open(f"{server.url}/dashboard/#view=sessions&tz=UTC&range=7d&tenant=tenant_1")
    page.await_text("[data-widget=sessions] .empty", "Nothing in this period")


def token_of(server: Server, workspace_id: str, tenant: str, *endpoints: str) -> str:
    with server.client() as http:
        pipes = http.get("/v0/pipes").json()["pipes"]
    names = endpoints or [pipe["name"] for pipe in pipes if pipe["type"] == "endpoint"]
    return mint(
        tenant,
        names,
        workspace_id=workspace_id,
        admin_token=server.admin_token,
        lifetime=timedelta(minutes=10),
    )


def test_a_tenants_token_never_shows_another(page: Page, server: Server, workspace_id: str) -> None:
    token = token_of(server, workspace_id, "tenant_6")
    foreign = {
        value
        for row in ask(server, "session_list", limit=1000)
        if row["tenant_id"] != "tenant_6"
        for value in (row["tenant_id"], row["session_id"], row["user_id"])
    }
    own = {row["user_id"] for row in ask(server, "session_list", tenant_id="tenant_6")}
    foreign -= {"", *own}
    assert len(foreign) > 20
    period = "range=custom&from=2025-03-01&to=2025-05-31"
    page.open(f"{server.url}/dashboard/#token={token}&{period}&tz={ZONE}&tenant=tenant_1")
    settle(page)
    assert page.texts(".who") == ["tenant_6"]
    assert not page.all("[data-control=tenant]")
    days = {"start_date": "2025-03-01 00:00:00", "end_date": "2025-05-31 23:59:59"}
    (mine,) = ask(server, "session_kpis", tenant_id="tenant_6", **days)
    assert figures(page) == expected_figures(mine)
    for view in VIEWS:
        page.click(f"[data-view={view}]")
        page.find(f".view.{view}")
        settle(page)
        words = set(page.run("return document.documentElement.textContent").split())
        assert not words & foreign, view
        assert token not in page.url
        assert token not in page.run("return document.documentElement.outerHTML")
    stranger = next(row for row in ask(server, "session_list", tenant_id="tenant_1", limit=1))
    page.open(
        f"{server.url}/dashboard/#view=sessions&{period}&tenant=tenant_1"
        f"&session={stranger['session_id']}&of=tenant_1"
    )
    page.await_text("[data-widget=timeline] .empty", "There is no such session")


def test_the_latest_days_with_something_come_first(
    page: Page, server: Server, workspace_id: str
) -> None:
    token = token_of(server, workspace_id, "tenant_6")
    page.open(f"{server.url}/dashboard/#token={token}&tz=UTC")
    page.await_url("from=2025-04-04&to=2025-05-03")
    settle(page)
    days = {"start_date": "2025-04-04 00:00:00", "end_date": "2025-05-03 23:59:59"}
    (found,) = ask(server, "session_kpis", tenant_id="tenant_6", time_zone="UTC", **days)
    assert found["session_count"] > 0
    assert figures(page) == expected_figures(found)


def test_a_widget_says_what_its_host_refuses(page: Page, server: Server, workspace_id: str) -> None:
    page.expect_error("403")
    token = token_of(server, workspace_id, "tenant_1", "session_kpis")
    page.open(f"{server.url}/dashboard/#token={token}&{SHOWN_APRIL}")
    settle(page)
    (mine,) = ask(server, "session_kpis", tenant_id="tenant_1", **APRIL)
    assert figures(page) == expected_figures(mine)
    assert "permission" in page.text("[data-widget=series] .error").lower()
    assert page.texts("[data-widget=series] button")[-1] == "Try again"


def test_a_token_that_is_refused_is_asked_for_again(page: Page, server: Server) -> None:
    page.expect_error("403")
    page.open(f"{server.url}/dashboard/#token=nonsense")
    page.await_text("dialog .error", "token")
    assert "nonsense" not in page.url
    page.click("dialog button.quiet")  # forget it: birdhouse has one of its own
    settle(page)
    assert page.text("[data-figure=live-sessions]").isdecimal()


MARKUP = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>\'"&amp;'


def test_markup_in_data_is_text(page: Page, server: Server) -> None:
    tenant = f"{MARKUP}{uuid.uuid4().hex}"
    row = session_row(
        tenant,
        user_id=MARKUP,
        event_type=MARKUP,
        event_data=MARKUP,
        page_url=f"https://example.com/{MARKUP}",
        referrer=f"https://{MARKUP}",
        device_type=MARKUP,
        browser=MARKUP,
    )
    event = {
        "event_id": uuid.uuid4().hex,
        "timestamp": row["created_at"],
        "properties": json.dumps({MARKUP: MARKUP}),
        **dict.fromkeys(
            ("event_type", "platform", "app_version", "device_type", "os", "country"), MARKUP
        ),
        **{key: row[key] for key in ("user_id", "session_id", "tenant_id")},
    }
    send(server, "user_sessions", [row])
    send(server, "events", [event, {**event, "event_type": f"{MARKUP} again"}])
    page.open(f"{server.url}/dashboard/#range=7d&tz=UTC")
    settle(page)
    page.choose("[data-control=tenant]", f"={tenant}")
    for view in VIEWS:
        page.click(f"[data-view={view}]")
        page.find(f".view.{view}")
        settle(page)
        if view == "overview":
            page.await_text("[data-widget=events] th[scope=row]", MARKUP)
        if view == "funnel":
            page.await_text("table.funnel th", MARKUP)
        if view == "sessions":
            page.click("[data-session]")
            page.await_text(".timeline .what", MARKUP)
            page.await_text(".timeline pre", MARKUP)
        assert page.run("return window.ran") is None
        assert page.run("return document.querySelectorAll('main img, main script').length") == 0


def test_the_policy_is_enforced(page: Page, server: Server) -> None:
    show(page, server, SHOWN_APRIL)
    page.expect_error("Content Security Policy|Trusted|TrustedHTML")
    page.run(
        """
        try { document.body.innerHTML = "<img src=x onerror='window.ran=1'>"; } catch {}
        const script = document.createElement("script");
        try { script.text = "window.ran=1"; } catch {}
        document.body.append(script);"""
    )
    assert page.run("return window.ran") is None
    refused = page.run(
        """
        return new Promise(say => {
            addEventListener("securitypolicyviolation", event => say(event.effectiveDirective));
            fetch("https://host.invalid/").catch(() => setTimeout(() => say("sent"), 1000));
        });"""
    )
    assert refused == "connect-src"


def test_the_keyboard_is_enough(page: Page, server: Server) -> None:
    show(page, server, SHOWN_APRIL)
    focused = "return document.activeElement"
    page.press(Keys.TAB)
    assert page.run(f"{focused}.id") == "skip"
    page.press(Keys.ENTER)
    assert page.run(f"{focused}.id") == "main"
    seen = []
    page.run("document.activeElement.blur(); document.getElementById('skip').focus()")
    while "sessions" not in seen:
        page.press(Keys.TAB)
        seen.append(page.run(f"{focused}.dataset.view ?? ''"))
        assert page.run(f"{focused}.matches(':focus-visible')")
        assert page.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
        assert len(seen) < 10
    page.press(Keys.ENTER)
    page.find("[data-session]")
    assert page.run(f"{focused}.dataset.view") == "sessions"  # it stays where the person is
    page.run("document.querySelector('[data-session]').focus()")
    page.press(Keys.ENTER)
    page.shown(".timeline li")
    assert page.run("return document.activeElement.closest('dialog') !== null")
    page.press(Keys.ESCAPE)
    page.count("dialog[open]", 0)
    assert page.run(f"{focused}.dataset.session")
    assert "session=" not in page.url


def test_everything_has_a_name(page: Page, server: Server) -> None:
    nameless = """
        return [...document.querySelectorAll("button, a, select, input, canvas, [role=region]")]
            .filter(e => !(e.textContent.trim() && !e.matches("select")) && !e.ariaLabel
                && !(e.labels?.length) && !e.getAttribute("aria-labelledby"))
            .map(e => e.outerHTML)"""
    ids = "return [...document.querySelectorAll('[id]')].map(e => e.id)"
    show(page, server, SHOWN_APRIL)
    for view in VIEWS:
        page.click(f"[data-view={view}]")
        page.find(f".view.{view}")
        settle(page)
        assert page.run(nameless) == [], view
        assert len(page.all("h1")) == len(page.all("main")) == len(page.all("header")) == 1
        assert page.driver.title.lower() == f"{view} · analytics"
        assert len(page.run(ids)) == len(set(page.run(ids)))


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_can_be_read(page: Page, server: Server) -> None:
    page.open(f"{server.url}/dashboard/")

    def colour(name: str) -> str:
        value = "getComputedStyle(document.documentElement).getPropertyValue(arguments[0])"
        return str(page.run(f"return {value}.trim()", f"--{name}"))

    backgrounds = set()
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        for over in ("page", "surface", "raised"):
            behind = luminance(colour(over))
            backgrounds.add(behind)
            for text, least in (
                ("text", 7),
                ("muted", 4.5),
                ("accent", 4.5),
                ("worse", 4.5),
                ("earlier", 3),
            ):
                dark, light = sorted((luminance(colour(text)), behind))
                assert (light + 0.05) / (dark + 0.05) >= least, (scheme, text, over)
    assert len(backgrounds) > 4


def test_the_switch_of_colours_is_remembered(page: Page, server: Server) -> None:
    show(page, server, SHOWN_APRIL)
    background = "return getComputedStyle(document.body).backgroundColor"
    light = page.run(background)
    page.click("[data-control=theme]")
    dark = page.run(background)
    assert dark != light
    page.driver.refresh()
    settle(page)
    assert page.run(background) == dark


def test_nothing_is_asked_twice(page: Page, server: Server) -> None:
    show(page, server, SHOWN_APRIL)
    asked = """
        return performance.getEntriesByType("resource").map(e => e.name)
            .filter(name => name.includes("/v0/pipes/") && !name.includes("live_now"))"""
    before = page.run(asked)
    assert len(before) == len(set(before))
    page.click("[data-value=events]")
    page.click("[data-value=sessions]")
    for view in ("sessions", "overview"):
        page.click(f"[data-view={view}]")
        page.find(f".view.{view}")
        settle(page)
    after = page.run(asked)
    assert len(after) == len(set(after))
    assert len(after) == len(before) + 1  # the list of sessions


def test_what_nobody_waits_for_is_cancelled(page: Page, server: Server) -> None:
    show(page, server, SHOWN_APRIL)
    page.run(
        """
        window.asked = [];
        window.fetch = (address, { signal }) => new Promise((_, refuse) => {
            window.asked.push(signal);
            signal.addEventListener("abort", () => refuse(signal.reason));
        });"""
    )
    page.choose("[data-control=tenant]", "=tenant_2")
    waiting = "return window.asked.filter(signal => !signal.aborted).length"
    page.until(lambda: page.run(waiting) == 10, "not everything is asked")
    page.choose("[data-control=tenant]", "=tenant_3")
    page.until(lambda: page.run("return window.asked.length") == 20, "not asked again")
    assert page.run(waiting) == 10
    page.click("[data-view=retention]")
    page.find(".view.retention")
    page.until(lambda: page.run(waiting) == 1, "others are still waited for")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a static host with the files that `make dashboard` writes."""
    folder = tmp_path_factory.mktemp("static") / "dashboard"
    dashboard.write(folder)
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        thread = threading.Thread(target=host.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{host.server_address[1]}"
        finally:
            host.shutdown()
            thread.join()


def test_the_files_work_from_any_static_host(page: Page, server: Server, elsewhere: str) -> None:
    page.expect_error("/tokens")  # a page on this machine looks whether birdhouse serves it
    page.open(f"{elsewhere}/#{SHOWN_APRIL}")
    page.fill("[data-control=host]", server.url)
    page.fill("dialog [data-control=token]", server.admin_token)
    page.press(Keys.ENTER)
    settle(page)
    expected = expected_figures(ask(server, "session_kpis", **APRIL)[0])
    assert figures(page) == expected
    assert "token" not in page.url
    page.driver.refresh()
    settle(page)
    assert figures(page) == expected
    assert page.run("return [sessionStorage.length, localStorage.length]") == [1, 0]


def test_no_view_is_wider_than_its_window(page: Page, server: Server) -> None:
    page.resize(390, 900)
    for view in VIEWS:
        show(page, server, f"view={view}&{SHOWN_MAY}")
        for width in (390, 1280):
            page.resize(width, 900)
            assert page.run("return document.documentElement.scrollWidth") <= width, (view, width)

"""The tracker on a website of another origin than the API of a birdhouse with the project."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.browser.page import Page
from tests.browser.site import TRACKER, Site, running_site
from tests.server import Server, running

ROOT = Path(__file__).resolve().parents[2]
HALF_AN_HOUR = 30 * 60
MARKUP = '<img src=x onerror="window.broken = true">\'"&'
STORED = "return Object.keys(localStorage).filter(key => key.startsWith('birdhouse_'))"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The project without rows."""
    folder = tmp_path_factory.mktemp("tracked")
    with running(folder / "data", "up", str(ROOT), "--no-fixtures") as server:
        yield server


@pytest.fixture(scope="module")
def append_token(http: httpx.Client) -> str:
    """The token that the datafiles declare for trackers."""
    tokens = http.get("/v0/tokens").json()["tokens"]
    return str(next(token["token"] for token in tokens if token["name"] == "ingest"))


class Tenant:
    """What the endpoints say of a tenant that only one test writes to."""

    def __init__(self, http: httpx.Client, id: str) -> None:
        self.id = id
        self._http = http

    def ask(self, endpoint: str, **params: str) -> list[dict[str, Any]]:
        params = {"tenant_id": self.id, **params}
        answer = self._http.get(f"/v0/pipes/{endpoint}.json", params=params)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["data"]
        return rows

    def rows(self, source: str) -> list[dict[str, Any]]:
        time = "timestamp" if source == "events" else "created_at"
        sql = (
            f"select * from {source} final where tenant_id = '{self.id}' order by {time}, event_id"
        )
        answer = self._http.post("/v0/sql", content=sql)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["data"]
        return rows

    def types(self, source: str = "events") -> list[str]:
        return [row["event_type"] for row in self.rows(source)]


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx.Client]:
    """A client with the admin token."""
    with server.client() as http:
        yield http


@pytest.fixture
def tenant(http: httpx.Client) -> Tenant:
    return Tenant(http, f"tenant_{uuid.uuid4().hex}")


@pytest.fixture(scope="module")
def one_site(server: Server) -> Iterator[Site]:
    with running_site(server.url) as site:
        yield site


@pytest.fixture
def site(one_site: Site, tenant: Tenant, append_token: str) -> Site:
    """The website as it is when nothing is wrong."""
    one_site.attributes = {"token": append_token, "tenant": tenant.id}
    one_site.before = ""
    one_site.way = "open"
    one_site.deliveries.clear()
    return one_site


def await_events(page: Page, tenant: Tenant, *types: str) -> None:
    """Wait until these events, in any order, are what both data sources hold of the tenant."""
    wanted = sorted(types)
    page.until(lambda: sorted(tenant.types()) == wanted, f"no {wanted}")
    page.until(
        lambda: sorted(t for t in tenant.types("user_sessions") if t != "heartbeat") == wanted,
        f"no {wanted} in user_sessions",
    )


def await_delivery(page: Page) -> None:
    """Wait until the tracker has nothing left to send."""
    page.until(lambda: not waiting(page), "rows are left")


def waiting(page: Page) -> list[str]:
    keys: list[str] = page.run(STORED)
    return [key for key in keys if key.startswith(("birdhouse_events", "birdhouse_user_sessions"))]


def test_it_is_small() -> None:
    assert len(gzip.compress(TRACKER.read_bytes())) <= 2000


def test_a_page_view_arrives(page: Page, site: Site, tenant: Tenant) -> None:
    page.open(f"{site.url}/pricing?secret=1&utm_source=news&utm_medium=email")
    await_events(page, tenant, "page_view")
    (event,) = tenant.rows("events")
    (row,) = tenant.rows("user_sessions")
    assert event["event_id"] == row["event_id"] != ""
    assert event["user_id"] == row["user_id"] != ""
    assert event["session_id"] == row["session_id"] != ""
    assert event["timestamp"] == row["created_at"]
    assert (event["platform"], event["device_type"], event["os"]) == ("web", "desktop", "Linux")
    assert (row["browser"], row["ip_address"]) == ("Chrome", "")
    assert row["page_url"] == f"{site.url}/pricing?utm_source=news&utm_medium=email"
    properties = {"page": "/pricing", "referrer": "", "utm_source": "news", "utm_medium": "email"}
    assert json.loads(event["properties"]) == properties
    (live,) = tenant.ask("live_now")
    assert (live["session_count"], live["unique_users"]) == (1, 1)
    assert live["pages"] == [{"page": "/pricing", "session_count": 1}]
    (source,) = tenant.ask("acquisition", by="utm_source")
    assert (source["value"], source["session_count"]) == ("news", 1)
    assert tenant.ask("acquisition", by="channel")[0]["value"] == "email"


def test_events_of_ones_own_arrive_with_their_properties(
    page: Page, site: Site, tenant: Tenant
) -> None:
    site.attributes |= {"version": "3.1", "country": "ES", "user": "user_7"}
    site.before = (
        "window.birdhouse = function () { (birdhouse.q = birdhouse.q || []).push(arguments) };"
        "birdhouse('early')"
    )
    page.open(site.url)
    page.run("birdhouse('signup', {plan: 'pro', seats: 3, note: arguments[0]})", MARKUP)
    await_events(page, tenant, "page_view", "early", "signup")
    (event,) = [row for row in tenant.rows("events") if row["event_type"] == "signup"]
    assert (event["app_version"], event["country"], event["user_id"]) == ("3.1", "ES", "user_7")
    properties = json.loads(event["properties"])
    assert (properties["plan"], properties["seats"], properties["note"]) == ("pro", 3, MARKUP)
    assert page.run("return window.broken") is None


def test_each_page_of_an_application_is_viewed_once(page: Page, site: Site, tenant: Tenant) -> None:
    page.open(f"{site.url}/shop")
    page.run("history.pushState({}, '', '/shop/shoes?size=40')")
    page.run("history.replaceState({}, '', '/shop/shoes?size=41')")
    page.run("history.back()")
    page.until(lambda: page.run("return location.pathname") == "/shop", "no way back")
    await_events(page, tenant, "page_view", "page_view", "page_view")
    rows = sorted(tenant.rows("user_sessions"), key=lambda row: row["event_id"])
    address = f"{site.url}/shop"
    shown = [(row["page_url"], row["referrer"]) for row in rows]
    assert shown == [
        (address, ""),
        (f"{address}/shoes", address),
        (address, f"{address}/shoes"),
    ]
    (session,) = tenant.ask("session_list")
    assert session["page_view_count"] == 3


def test_the_next_page_has_the_same_session_and_user(
    page: Page, site: Site, tenant: Tenant
) -> None:
    page.open(f"{site.url}/one")
    await_events(page, tenant, "page_view")
    page.run("location.href = '/two'")
    await_events(page, tenant, "page_view", "page_view")
    (session,) = tenant.ask("session_list")
    assert (session["page_view_count"], session["exit_page"]) == (2, "/two")
    assert len({row["user_id"] for row in tenant.rows("events")}) == 1


@pytest.mark.parametrize(("idle", "sessions"), [(HALF_AN_HOUR - 60, 1), (HALF_AN_HOUR + 1, 2)])
def test_a_session_ends_after_half_an_hour_without_events(
    page: Page, site: Site, tenant: Tenant, idle: int, sessions: int
) -> None:
    page.open(site.url)
    await_events(page, tenant, "page_view")
    page.run(
        "const [name, last] = localStorage.birdhouse_session.split(' ');"
        "localStorage.birdhouse_session = `${name} ${last - arguments[0] * 1000}`",
        idle,
    )
    page.run("birdhouse('click')")
    await_events(page, tenant, "page_view", "click")
    assert len(tenant.ask("session_list")) == sessions
    assert len({row["user_id"] for row in tenant.rows("events")}) == 1


def test_a_user_is_who_the_site_says(page: Page, site: Site, tenant: Tenant) -> None:
    page.open(site.url)
    page.run("birdhouse.identify('user_1'); birdhouse('login')")
    page.run("birdhouse.identify(); birdhouse('logout')")
    await_events(page, tenant, "page_view", "login", "logout")
    users = {row["event_type"]: row["user_id"] for row in tenant.rows("events")}
    assert users["login"] == "user_1"
    assert users["page_view"] == users["logout"] != "user_1"


def test_what_is_left_goes_by_beacon_when_the_visitor_leaves(
    page: Page, site: Site, tenant: Tenant
) -> None:
    page.open(f"{site.url}/one")
    await_events(page, tenant, "page_view")
    await_delivery(page)
    # Only a beacon outlives the page: the tracker's own request would come 300 ms later.
    page.run("window.fetch = undefined; birdhouse('goodbye'); location.href = 'about:blank'")
    await_events(page, tenant, "page_view", "goodbye")
    page.until(lambda: "heartbeat" in tenant.types("user_sessions"), "no heartbeat")
    assert "heartbeat" not in tenant.types()
    # Nobody has heard whether the beacon arrived: the rows come again, and count once.
    page.open(f"{site.url}/two")
    await_delivery(page)
    await_events(page, tenant, "page_view", "goodbye", "page_view")
    repeated = [id for id in site.event_ids() if site.event_ids().count(id) > 1]
    assert len(set(repeated)) == 1
    (kpis,) = tenant.ask("session_kpis")
    assert (kpis["session_count"], kpis["page_view_count"]) == (1, 2)
    series = tenant.ask("event_series", interval="year")
    assert sum(row["event_count"] for row in series) == 3


@pytest.mark.parametrize("way", ["down", "busy"])
def test_events_wait_for_the_api(page: Page, site: Site, tenant: Tenant, way: Any) -> None:
    page.expect_error("/v0/events")
    site.way = way
    page.open(f"{site.url}/one")
    page.run("birdhouse('first'); birdhouse('second')")
    page.open(f"{site.url}/two")
    page.until(lambda: len(waiting(page)) >= 8, "no rows are kept")
    assert site.deliveries == []
    site.way = "open"
    page.run("dispatchEvent(new Event('online'))")
    await_delivery(page)
    await_events(page, tenant, "page_view", "first", "second", "page_view")


def test_it_tries_again_by_itself(page: Page, site: Site, tenant: Tenant) -> None:
    page.expect_error("/v0/events")
    site.way = "busy"
    page.open(site.url)
    page.until(lambda: page.errors() == [] and len(waiting(page)) == 2, "no rows are kept")
    site.way = "open"
    await_events(page, tenant, "page_view")


def test_an_event_whose_answer_was_lost_counts_once(page: Page, site: Site, tenant: Tenant) -> None:
    page.expect_error("/v0/events")
    site.way = "answers lost"
    page.open(site.url)
    await_events(page, tenant, "page_view")
    assert len(waiting(page)) == 2
    site.way = "open"
    await_delivery(page)
    ids = site.event_ids()
    assert len(ids) > 1
    assert len(set(ids)) == 1
    series = tenant.ask("event_series", interval="year")
    assert sum(row["event_count"] for row in series) == 1
    (kpis,) = tenant.ask("session_kpis")
    assert kpis["event_count"] == 1


def test_what_waits_has_a_bound(page: Page, site: Site, tenant: Tenant) -> None:
    page.expect_error("/v0/events")
    site.way = "down"
    page.open(site.url)
    page.run("for (let n = 0; n < 520; n++) birdhouse('step', {n})")
    kept = [key for key in waiting(page) if key.startswith("birdhouse_events")]
    assert len(kept) == 500
    site.way = "open"
    page.run("dispatchEvent(new Event('online'))")
    await_delivery(page)
    numbers = {json.loads(row["properties"]).get("n") for row in tenant.rows("events")}
    assert len(numbers) == 500
    assert numbers >= set(range(100, 520)), "the latest are kept"


@pytest.mark.parametrize(
    "signal",
    ["doNotTrack', {value: '1'}", "globalPrivacyControl', {value: true}"],
    ids=["Do Not Track", "Global Privacy Control"],
)
def test_who_does_not_want_to_be_tracked_is_not(page: Page, site: Site, signal: str) -> None:
    site.before = f"Object.defineProperty(navigator, '{signal})"
    page.open(site.url)
    page.run("birdhouse.consent(true); birdhouse.identify('user_1'); birdhouse('click')")
    assert page.run(STORED) == []
    page.open(site.url)
    assert site.deliveries == []


def test_nothing_is_stored_or_sent_without_consent(page: Page, site: Site, tenant: Tenant) -> None:
    site.attributes["consent"] = "required"
    page.open(f"{site.url}/one")
    page.run("birdhouse.identify('user_1'); birdhouse('before')")
    assert page.run(STORED) == []
    page.run("birdhouse.consent(true); birdhouse('after')")
    await_events(page, tenant, "page_view", "after")
    await_delivery(page)
    page.run("birdhouse('unsent'); birdhouse.consent(false); birdhouse('withdrawn')")
    assert page.run(STORED) == ["birdhouse_consent"]
    page.open(f"{site.url}/two")
    assert page.run(STORED) == ["birdhouse_consent"]
    del site.attributes["consent"]
    page.open(f"{site.url}/three")
    assert page.run(STORED) == ["birdhouse_consent"]
    assert sorted(tenant.types()) == ["after", "page_view"]


def test_rows_that_are_refused_are_not_kept(page: Page, site: Site) -> None:
    page.expect_error("403")
    site.attributes["token"] = "p.eyJ1IjoieCJ9.x"
    page.open(site.url)
    await_delivery(page)


def test_it_needs_no_storage(page: Page, site: Site, tenant: Tenant) -> None:
    site.before = "Object.defineProperty(window, 'localStorage', {get() { throw new Error() }})"
    page.open(site.url)
    page.run("birdhouse('click')")
    await_events(page, tenant, "page_view", "click")
    assert len({row["session_id"] for row in tenant.rows("events")}) == 1
    site.before = ""
    page.open(site.url)


def test_the_token_can_only_append(server: Server, append_token: str) -> None:
    params = {"token": append_token}
    for path in ("/v0/pipes/live_now.json", "/v0/sql?q=select+1+from+events", "/v0/tokens"):
        answer = httpx.get(f"{server.url}{path}", params=dict(httpx.URL(path).params) | params)
        assert answer.status_code == 403, path


def demo_events(page: Page) -> list[str]:
    """What the demo shows of what it sent, the latest first: how it went, the type."""
    ways, types = page.texts(".events em"), page.texts(".events b")
    return [f"{way} {type_}" for way, type_ in zip(ways, types, strict=False)]


def await_demo(page: Page, *events: str) -> None:
    page.until(lambda: demo_events(page)[: len(events)] == list(events), f"no {events}")


def test_the_demo_shows_all_of_it(page: Page, server: Server, http: httpx.Client) -> None:
    demo = Tenant(http, "demo")
    page.open(f"{server.url}/demo/?utm_source=news")
    await_demo(page, "sent page_view")
    page.click("[data-add='blue tit']")
    await_demo(page, "sent add_to_cart", "sent page_view")
    page.fill("form [name=text]", MARKUP)
    page.click("form button")
    await_demo(page, "sent review")
    assert MARKUP in json.loads(page.text(".events code"))["text"]
    page.run("document.querySelector('.switches input').click()")
    page.click("header a[href='cart.html']")
    await_demo(page, "waiting page_view")
    assert page.texts("#cart li") == ["blue tit28 €", "Total28 €"]
    page.fill("[name=user]", "user_1")
    page.click("form button")
    page.click("[data-buy]")
    page.await_text("h1", "Thank you")
    page.run("document.querySelector('.switches input').click()")
    page.until(lambda: all(e.startswith("sent") for e in demo_events(page)), "not all are sent")
    assert len(demo_events(page)) == 8
    assert page.run("return location.pathname") == "/demo/thanks.html"
    page.run("history.back()")
    page.await_text("h1", "Cart")
    page.until(lambda: page.texts(".live b")[0] == "1", "nobody is live")
    steps = "page_view,add_to_cart,checkout_start,purchase"
    funnel = demo.ask("funnel", steps=steps, unit="session")
    assert [row["unit_count"] for row in funnel] == [1, 1, 1, 1]
    page.open(f"{server.url}/dashboard/#tenant=demo")
    page.await_text("[data-widget=live] .pages li", "/demo/")
    page.open(f"{server.url}/demo/")
    await_demo(page, "sent page_view")
    page.run("[...document.querySelectorAll('.switches button')][0].click()")
    assert page.run(STORED) == ["birdhouse_consent"]
    assert page.run("return window.broken") is None


def test_the_demo_fits_a_phone(page: Page, server: Server) -> None:
    page.resize(390, 844)
    page.open(f"{server.url}/demo/")
    await_demo(page, "sent page_view")
    assert page.run("return document.documentElement.scrollWidth") == 390


def test_birdhouse_serves_it_to_every_site(server: Server) -> None:
    answer = httpx.get(f"{server.url}/tracker.js", headers={"host": "birdhouse.example"})
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.content == TRACKER.read_bytes()
    assert (
        "default-src 'none'" in httpx.get(f"{server.url}/demo/").headers["content-security-policy"]
    )

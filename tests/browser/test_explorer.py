"""The explorer in a browser, on this project and on a small one with odd names."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.browser.page import Page
from tests.server import Server, Workspace, running

ROOT = Path(__file__).resolve().parents[2]
MARKUP = '<img src=x onerror="window.broken = true"><b>\'"&'
NAME = "Tinybird_Local_Testing"
ODD = {
    "datasources/Order.datasource": f"""DESCRIPTION >
    {MARKUP}

SCHEMA >
    `group` String `json:$.group`,
    `select` Float64 `json:$.size`,
    `big` UInt64 `json:$.big`

ENGINE MergeTree
ENGINE_SORTING_KEY group
""",
    "datasources/_1.datasource": """SCHEMA >
    `group` String,
    `n` UInt64

ENGINE SummingMergeTree
ENGINE_SORTING_KEY group
""",
    "materializations/Sum.pipe": """NODE Sum_0
SQL >
    select group, count() as n from Order group by group

TYPE materialized
DATASOURCE _1
""",
    "pipes/between.pipe": """NODE between_0
SQL >
    %
    select * from Order where big >= {{ UInt64(least, 0, description='The least <i>size</i>') }}
""",
    "endpoints/select_all.pipe": f"""DESCRIPTION >
    {MARKUP}

NODE all
SQL >
    %
    select
        group,
        `select`,
        big,
        {{{{ String(word, description='<b>bold</b>', required=True) }}}} as word
    from between
    order by big

TYPE endpoint
""",
    "endpoints/by_day.pipe": """NODE days
SQL >
    select toDate('2025-01-01') + number as day, number * 2 as n from numbers(40)

TYPE endpoint
""",
}
ROWS = [
    {"group": MARKUP, "size": 1.5, "big": 18446744073709551615},
    {"group": "it's", "size": -2, "big": 7},
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """This project with its fixtures, and rows that were rejected."""
    folder = tmp_path_factory.mktemp("explored")
    with running(folder / "data", "up", str(ROOT)) as server:
        with server.client() as http:
            params = {"name": "events", "wait": "true"}
            bad = json.dumps({"event_id": MARKUP, "timestamp": "never"})
            assert http.post("/v0/events", params=params, content=bad).json()["quarantined_rows"]
        yield server


@pytest.fixture(scope="module")
def odd(server: Server) -> Iterator[Workspace]:
    """Another workspace of the server, with other resources."""
    workspace = server.workspace()
    with workspace.http:
        workspace.build(ODD)
        body = "\n".join(json.dumps(row) for row in ROWS)
        assert workspace.send("Order", body).json()["successful_rows"] == len(ROWS)
        yield workspace


def explore(page: Page, server: Server, place: str = "", token: str = "") -> None:
    if token:
        page.open(f"{server.url}/")
        page.run("sessionStorage.birdhouse_explorer_token = arguments[0]", token)
    page.open(f"{server.url}/#/{place}")
    page.find("main h1")


def listed(server: Server, path: str, token: str = "") -> list[dict[str, Any]]:
    with server.client(token or None) as http:
        rows: list[dict[str, Any]] = http.get(path).json()[path.rpartition("/")[2]]
        return rows


def tiles(page: Page) -> dict[str, str]:
    return dict(zip(page.texts(".tile dt"), page.texts(".tile dd"), strict=True))


def cells(page: Page, frame: str) -> list[list[str]]:
    """The rows of a table, without its head."""
    found: list[list[str]] = page.run(
        "return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))",
        frame,
    )
    return found


def run_form(page: Page) -> None:
    page.click("main button.primary")
    page.until(lambda: page.all(".answer:not([aria-busy]) > *"), "no answer")


def test_the_overview_counts_what_there_is(page: Page, server: Server) -> None:
    explore(page, server)
    datasources = listed(server, "/v0/datasources")
    pipes = listed(server, "/v0/pipes")
    endpoints = [pipe for pipe in pipes if pipe["type"] == "endpoint"]
    shown = tiles(page)
    assert page.text("h1") == NAME
    assert shown["Data sources"] == str(len(datasources))
    assert shown["Endpoints"] == str(len(endpoints))
    rows = sum(found["statistics"]["row_count"] for found in datasources)
    assert shown["Rows"] == f"{rows:,}"
    assert shown["In quarantine"] == "1"
    assert len(page.texts("aside li")) == len(datasources) + len(pipes)
    assert page.run("return document.getElementById('dashboard').hidden") is False
    page.fill("aside input", "funnel")
    assert [e.text for e in page.all("aside li") if e.is_displayed()] == ["funnel"]


def test_the_graph_shows_what_flows_into_what(page: Page, server: Server) -> None:
    explore(page, server)
    pipes = listed(server, "/v0/pipes")
    hidden = [pipe["name"] for pipe in pipes if pipe["type"] == "default"]
    names = {found["name"] for found in [*listed(server, "/v0/datasources"), *pipes]}
    titles = {text.partition(" (")[0] for text in page.texts(".graph title")}
    assert titles == names - set(hidden)
    page.click(".check input")
    titles = {text.partition(" (")[0] for text in page.texts(".graph title")}
    assert titles == names
    # Lighting one up leaves dark what has nothing to do with it.
    page.run("document.querySelector('.graph a[href$=\"/truncate_ip_addresses\"]').focus()")
    lit = {text.partition(" (")[0] for text in page.texts(".graph .box.lit title")}
    assert {"private_user_sessions", "user_sessions", "live_now"} <= lit
    assert "events" not in lit
    across = page.run(
        "return ['events', 'order_events', 'events_by_time', 'event_list'].map(name =>"
        "document.querySelector(`.graph a[href$='/${name}'] rect`).getBoundingClientRect().x)"
    )
    assert across == sorted(set(across))


def test_a_data_source_shows_its_schema_rows_and_quarantine(page: Page, server: Server) -> None:
    explore(page, server, "datasource/events")
    (events,) = [d for d in listed(server, "/v0/datasources") if d["name"] == "events"]
    shown = tiles(page)
    assert shown["Rows"] == f"{events['statistics']['row_count']:,}"
    assert shown["In quarantine"] == "1"
    assert shown["Engine"] == "ReplacingMergeTree"
    columns = [[c["name"], c["type"], c["jsonpath"]] for c in events["columns"]]
    assert [row[:3] for row in cells(page, "[aria-label=Columns]")] == columns
    page.find("[aria-label=Sample]")
    with server.client() as http:
        known = http.post("/v0/sql", content="select event_id from events").json()["data"]
    sample = [row[0] for row in cells(page, "[aria-label=Sample]")]
    assert len(sample) == 20
    assert set(sample) <= {row["event_id"] for row in known}
    page.find("[aria-label='Rejected rows']")
    assert cells(page, "[aria-label='Rejected rows']")[0][0] == MARKUP
    assert page.run("return window.broken") is None


def test_a_form_runs_an_endpoint(page: Page, server: Server) -> None:
    explore(page, server, "pipe/event_breakdown")
    page.fill("[name=by]", "platform")
    page.fill("[name=tenant_id]", "tenant_1")
    run_form(page)
    with server.client() as http:
        params = {"by": "platform", "tenant_id": "tenant_1"}
        answer = http.get("/v0/pipes/event_breakdown.json", params=params).json()
    wanted = [[str(value) for value in row.values()] for row in answer["data"]]
    assert cells(page, ".answer") == wanted
    head = page.run("return [...document.querySelectorAll('.answer th')].map(e => e.innerText)")
    assert [text.partition("\n")[0] for text in head] == [c["name"] for c in answer["meta"]]
    page.click(".tabs button:last-child")
    assert json.loads(page.text(".answer pre"))[0]["value"] == answer["data"][0]["value"]


def test_required_parameters_stand_first_with_their_example(page: Page, server: Server) -> None:
    explore(page, server, "pipe/funnel")
    page.find(".field")
    assert page.texts(".field label")[0].startswith("stepsrequired")
    run_form(page)
    assert page.text(".facts b") == "3 rows"
    # Those of the pipes below, too.
    assert page.all("[name=time_zone]")


def test_an_answer_is_drawn(page: Page, server: Server, odd: Workspace) -> None:
    explore(page, server, "pipe/by_day", odd.token)
    run_form(page)
    page.click(".tabs button:nth-child(2)")
    dots = page.texts(".chart .dot title")
    assert dots == [f"{cells_of_day(n)}: {n * 2}" for n in range(40)]
    page.run("sessionStorage.clear()")
    explore(page, server, "pipe/event_breakdown")
    run_form(page)
    page.click(".tabs button:nth-child(2)")
    with server.client() as http:
        rows = http.get("/v0/pipes/event_breakdown.json").json()["data"]
    page.run(
        "const [up, along] = document.querySelectorAll('.choices select');"
        "up.value = 'event_count'; along.value = 'value'; up.dispatchEvent(new Event('change'))"
    )
    bars = page.texts(".chart .bar title")
    assert bars == [f"{row['value']}: {row['event_count']}" for row in rows]


def cells_of_day(number: int) -> str:
    month, day = (1, number + 1) if number < 31 else (2, number - 30)
    return f"2025-{month:02}-{day:02}"


def test_the_command_does_what_the_form_does(page: Page, server: Server, odd: Workspace) -> None:
    grant = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.driver.execute_cdp_cmd("Browser.grantPermissions", grant)
    explore(page, server, "pipe/select_all", odd.token)
    word = "it's $HOME & `more` +1 %41"
    page.fill("[name=word]", word)
    assert odd.token not in page.text(".curl")
    page.click(".actions button:last-of-type")
    page.await_text("[role=status]", "Copied")
    command = page.run("return navigator.clipboard.readText()")
    ended = subprocess.run(["sh", "-c", f"{command} -s"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    wanted = odd.http.get("/v0/pipes/select_all.json", params={"word": word}).json()["data"]
    assert json.loads(ended.stdout)["data"] == wanted
    assert len(wanted) == len(ROWS)


def test_errors_say_what_is_wrong(page: Page, server: Server) -> None:
    page.expect_error("event_series.json")
    explore(page, server, "pipe/event_series")
    page.fill("[name=interval]", "fortnight")
    run_form(page)
    with server.client() as http:
        params = {"interval": "fortnight"}
        answer = http.get("/v0/pipes/event_series.json", params=params)
    assert answer.status_code == 400
    assert page.text(".answer .failure") == answer.json()["error"]
    explore(page, server, "activity")
    page.await_text("[aria-label=Requests] tr.bad td", answer.json()["error"])
    page.await_text("[aria-label=Errors] td", answer.json()["error"])
    page.await_text("[aria-label=Operations] td", "append-hfi")


def test_odd_names_and_markup_are_texts(page: Page, server: Server, odd: Workspace) -> None:
    explore(page, server, token=odd.token)
    assert page.text("h1") == odd.name
    titles = {text.partition(" (")[0] for text in page.texts(".graph title")}
    assert titles == {"Order", "_1", "Sum", "select_all", "by_day"}
    explore(page, server, "datasource/Order", odd.token)
    assert page.text(".lead") == MARKUP
    page.find("[aria-label=Sample]")
    found = cells(page, "[aria-label=Sample]")
    # A number that JavaScript would round, too.
    assert sorted(found) == sorted([[MARKUP, "1.5", "18446744073709551615"], ["it's", "-2", "7"]])
    explore(page, server, "pipe/select_all", odd.token)
    page.find(".field")
    assert {"<b>bold</b>", "The least <i>size</i>"} <= set(page.texts(".field p"))
    page.fill("[name=word]", MARKUP)
    page.fill("[name=least]", "8")
    run_form(page)
    assert cells(page, ".answer") == [[MARKUP, "1.5", "18446744073709551615", MARKUP]]
    assert page.run("return window.broken") is None
    assert page.all("main img, main b b, main i") == []


def test_a_token_shows_what_it_may_read(page: Page, server: Server) -> None:
    page.expect_error("/v0/sql")  # what was asked lately is for admins
    (reader,) = [t for t in listed(server, "/v0/tokens") if t["name"] == "read_endpoints"]
    explore(page, server)
    page.find("#token select")
    page.run(
        "const select = document.querySelector('#token select');"
        "select.value = [...select.options].find(o => o.text === arguments[0]).value;"
        "select.dispatchEvent(new Event('change'))",
        "read_endpoints",
    )
    page.until(lambda: tiles(page).get("Data sources") == "0", "still the admin's")
    shown = listed(server, "/v0/pipes", reader["token"])
    assert len(page.texts("aside li")) == len(shown)
    # The pipes below the endpoint are not for this token: the OpenAPI document tells.
    explore(page, server, "pipe/event_list", reader["token"])
    page.find("[name=tenant_id]")
    run_form(page)
    assert page.text(".facts b") == "100 rows"


def test_elsewhere_it_asks_for_a_token(page: Page, server: Server) -> None:
    page.expect_error("403")
    elsewhere = """
        const here = window.fetch
        window.fetch = (url, options) => url === '/tokens'
          ? Promise.resolve(new Response('{"error": "not here"}', {status: 403}))
          : here(url, options)
    """
    add, remove = "addScriptToEvaluateOnNewDocument", "removeScriptToEvaluateOnNewDocument"
    script = page.driver.execute_cdp_cmd(f"Page.{add}", {"source": elsewhere})
    try:
        page.open(f"{server.url}/")
        page.fill(".ask input", "p.eyJ1IjoieCJ9.x")
        page.click(".ask button")
        page.await_text(".ask .quiet", "token")
        page.fill(".ask input", server.admin_token)
        page.click(".ask button")
        page.await_text("h1", NAME)
    finally:
        page.driver.execute_cdp_cmd(f"Page.{remove}", script)


def test_the_keyboard_is_enough(page: Page, server: Server) -> None:
    explore(page, server)
    page.run("document.querySelector('.graph a[href$=\"/pipe/live_now\"]').focus()")
    page.press("\ue007")
    page.await_text("h1", "live_now")
    page.run("document.querySelector('main input').focus()")
    page.press("\ue007")
    page.await_text(".facts b", "1 row")


def test_nothing_is_wider_than_the_window(page: Page, server: Server) -> None:
    explore(page, server)
    for place in ("", "activity", "datasource/events", "pipe/event_series"):
        page.run("location.hash = arguments[0]", f"#/{place}")
        page.until(lambda: not page.all("main [aria-busy]"), "still loading")
        for width in (390, 1280):
            page.resize(width, 844)
            assert page.run("return document.documentElement.scrollWidth") == width


def test_the_page_is_for_browsers_and_may_run_its_own_scripts_alone(server: Server) -> None:
    html = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = httpx.get(server.url, headers=html)
    assert answer.headers["content-type"].startswith("text/html")
    for path in ("/", "/explorer/main.js", "/explorer/explorer.css"):
        answer = httpx.get(f"{server.url}{path}", headers=html)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not [name for name in answer.headers if name.startswith("access-control")]
        for foreign in ({"host": "evil.example.com"}, {"origin": "https://evil.example.com"}):
            assert httpx.get(f"{server.url}{path}", headers={**html, **foreign}).status_code == 403
    assert server.admin_token not in httpx.get(server.url, headers=html).text
    program = httpx.get(server.url)
    assert (program.status_code, program.json()["error"]) == (404, "Not found: /")
    assert httpx.get(f"{server.url}/explorer/../up.py").status_code == 404

"""Materialized views: backfilled from history, changed, taken away, chained, joined."""

from __future__ import annotations

import json

import pytest
from tests.birdhouse.project.projects import (
    Files,
    datasource,
    endpoint,
    forward,
    merge_tree,
    node,
    view,
)
from tests.birdhouse.project.waiting import until
from tests.server import Workspace

SALES = ["id UInt64", "shop String", "amount Int64", "time DateTime"]
SUMS = datasource(["-shop String", "-amount Int64"], merge_tree("shop", "SummingMergeTree"))
BASE: Files = {"sales.datasource": datasource(SALES, merge_tree("id"))}
SUM_UP = view("SELECT shop, sum(amount) AS amount FROM sales GROUP BY shop", "sums", name="sum_up")
SUMMED: Files = {**BASE, "sums.datasource": SUMS, "fill.pipe": SUM_UP}


def sell(workspace: Workspace, *amounts: int, shop: str = "a") -> None:
    rows = [
        {"id": amount, "shop": shop, "amount": amount, "time": "2025-01-01 00:00:00"}
        for amount in amounts
    ]
    assert workspace.send("sales", "\n".join(map(json.dumps, rows))).status_code == 200


def total(workspace: Workspace, source: str = "sums") -> int:
    return int(workspace.rows(f"SELECT sum(amount) AS amount FROM {source}")[0]["amount"])


@pytest.fixture
def summed(workspace: Workspace) -> Workspace:
    """A view that has been there from the beginning."""
    workspace.deploy(SUMMED)
    sell(workspace, 1, 2)
    return workspace


def test_a_new_view_is_filled_from_history(workspace: Workspace) -> None:
    workspace.deploy(BASE)
    sell(workspace, 1, 2)
    deployment = workspace.deploy(SUMMED)
    assert deployment["data_movements"] == [
        {
            "datasource_name": "sums",
            "kind": "backfill_with_mv_queries",
            "source_mv_name": "fill",
        }
    ]
    assert total(workspace) == 3
    sell(workspace, 4)
    assert total(workspace) == 7


def test_backfill_skip_leaves_history_out(workspace: Workspace) -> None:
    workspace.deploy(BASE)
    sell(workspace, 1, 2)
    deployment = workspace.deploy({**SUMMED, "sums.datasource": SUMS + "\nBACKFILL skip\n"})
    assert deployment["data_movements"] == []
    assert total(workspace) == 0
    sell(workspace, 4)
    assert total(workspace) == 4


def test_a_changed_query_fills_its_target_again(summed: Workspace) -> None:
    doubled = SUM_UP.replace("sum(amount)", "sum(amount * 2)")
    summed.deploy({**SUMMED, "fill.pipe": doubled})
    assert total(summed) == 6
    sell(summed, 4)
    assert total(summed) == 14


@pytest.mark.parametrize(
    ("pipe", "target"), [("DEPLOYMENT_METHOD alter\n", ""), ("", "\nBACKFILL skip\n")]
)
def test_old_rows_stay_when_they_are_asked_to(summed: Workspace, pipe: str, target: str) -> None:
    doubled = SUM_UP.replace("sum(amount)", "sum(amount * 2)") + pipe
    files = {**SUMMED, "fill.pipe": doubled, "sums.datasource": SUMS + target}
    deployment = summed.deploy(files)
    assert deployment["data_movements"] == []
    assert total(summed) == 3
    sell(summed, 4)
    assert total(summed) == 11


def test_alter_brings_a_new_column_along(summed: Workspace) -> None:
    query = "SELECT shop, sum(amount) AS amount, count() AS sales FROM sales GROUP BY shop"
    columns = ["-shop String", "-amount Int64", "-sales UInt64"]
    summed.deploy(
        {
            **SUMMED,
            "sums.datasource": datasource(columns, merge_tree("shop", "SummingMergeTree")),
            "fill.pipe": view(query, "sums", "DEPLOYMENT_METHOD alter", name="sum_up"),
        }
    )
    sell(summed, 4)
    rows = summed.rows("SELECT sum(amount) AS amount, sum(sales) AS sales FROM sums")
    assert rows == [{"amount": 7, "sales": 1}]


def test_a_target_with_another_key_is_filled_again(summed: Workspace) -> None:
    columns = ["-shop String", "-amount Int64"]
    key = merge_tree("(shop, amount)", "MergeTree")
    summed.deploy({**SUMMED, "sums.datasource": datasource(columns, key)})
    assert total(summed) == 3
    sell(summed, 4)
    assert total(summed) == 7


def test_expired_history_is_warned_of(workspace: Workspace) -> None:
    brief = datasource(SALES, merge_tree("id"), 'ENGINE_TTL "time + toIntervalYear(50)"')
    files = {**SUMMED, "sales.datasource": brief}
    workspace.deploy(files)
    doubled = SUM_UP.replace("sum(amount)", "sum(amount * 2)")
    deployment = workspace.deploy({**files, "fill.pipe": doubled})
    (said,) = deployment["feedback"]
    assert (said["level"], said["resource"]) == ("WARNING", "sums")
    assert "TTL" in said["message"]


def test_a_view_that_goes_leaves_its_rows(summed: Workspace) -> None:
    without = {**BASE, "sums.datasource": SUMS}
    summed.deploy(without, allow_destructive_operations="true")
    sell(summed, 4)
    assert total(summed) == 3
    summed.deploy(SUMMED)
    assert total(summed) == 7, "filled again, not twice"
    sell(summed, 8)
    assert total(summed) == 15


def test_a_pipe_with_another_name_does_not_fill_twice(summed: Workspace) -> None:
    renamed = {**BASE, "sums.datasource": SUMS, "other.pipe": SUM_UP}
    summed.deploy(renamed, allow_destructive_operations="true")
    assert total(summed) == 3
    sell(summed, 4)
    assert total(summed) == 7


def test_rows_of_its_own_stay_when_a_view_comes(workspace: Workspace) -> None:
    own = datasource(["shop String", "amount Int64"], merge_tree("shop", "SummingMergeTree"))
    workspace.deploy({**BASE, "sums.datasource": own})
    sell(workspace, 1, 2)
    workspace.send("sums", '{"shop": "b", "amount": 100}')
    workspace.deploy({**SUMMED, "sums.datasource": own})
    assert total(workspace) == 103
    sell(workspace, 4)
    workspace.send("sums", '{"shop": "b", "amount": 200}')
    assert total(workspace) == 307


def test_two_views_fill_one_target(summed: Workspace) -> None:
    files = {
        **SUMMED,
        "more.pipe": view("SELECT 'more' AS shop, amount FROM sales", "sums", name="take_more"),
    }
    summed.deploy(files)
    assert total(summed) == 6
    sell(summed, 4)
    assert total(summed) == 14


def test_a_view_moves_to_another_target(summed: Workspace) -> None:
    files = {**SUMMED, "others.datasource": SUMS, "fill.pipe": SUM_UP.replace("sums", "others")}
    summed.deploy(files)
    sell(summed, 4)
    assert (total(summed), total(summed, "others")) == (3, 7)


CHAIN: Files = {
    **SUMMED,
    "all.datasource": datasource(
        ["-one UInt8", "-amount Int64"], merge_tree("one", "SummingMergeTree")
    ),
    "fill_all.pipe": view(
        "SELECT toUInt8(1) AS one, sum(amount) AS amount FROM sums GROUP BY one",
        "all",
        name="sum_all",
    ),
}


def test_a_chain_comes_at_once(workspace: Workspace) -> None:
    workspace.deploy(BASE)
    sell(workspace, 1, 2)
    workspace.deploy(CHAIN)
    assert (total(workspace), total(workspace, "all")) == (3, 3)
    sell(workspace, 4)
    assert (total(workspace), total(workspace, "all")) == (7, 7)


def test_a_chain_is_filled_again_from_the_top(summed: Workspace) -> None:
    summed.deploy(CHAIN)
    doubled = SUM_UP.replace("sum(amount)", "sum(amount * 2)")
    deployment = summed.deploy({**CHAIN, "fill.pipe": doubled})
    assert {m["datasource_name"] for m in deployment["data_movements"]} == {"sums", "all"}
    assert (total(summed), total(summed, "all")) == (6, 6)
    sell(summed, 4)
    assert (total(summed), total(summed, "all")) == (14, 14)


def test_the_end_of_a_chain_may_skip(summed: Workspace) -> None:
    skipped = {**CHAIN, "all.datasource": CHAIN["all.datasource"] + "\nBACKFILL skip\n"}
    doubled = SUM_UP.replace("sum(amount)", "sum(amount * 2)")
    summed.deploy({**skipped, "fill.pipe": doubled})
    assert (total(summed), total(summed, "all")) == (6, 0)
    sell(summed, 4)
    assert (total(summed), total(summed, "all")) == (14, 8)


def test_a_chain_goes_on_when_the_first_table_is_another(summed: Workspace) -> None:
    summed.deploy(CHAIN)
    retyped = ["id String", *SALES[1:]]
    summed.deploy(
        {
            **CHAIN,
            "sales.datasource": datasource(
                retyped, merge_tree("id"), forward("SELECT * EXCEPT (id), toString(id) AS id")
            ),
        }
    )
    row = {"id": "x", "shop": "a", "amount": 4, "time": "2025-01-01 00:00:00"}
    summed.send("sales", json.dumps(row))
    assert (total(summed), total(summed, "all")) == (7, 7)


JOINED: Files = {
    **BASE,
    "shops.datasource": datasource(["shop String", "town String"], merge_tree("shop")),
    "towns.datasource": datasource(
        ["-town String", "-amount Int64"], merge_tree("town", "SummingMergeTree")
    ),
    "fill_towns.pipe": node("known", "SELECT shop, town FROM shops WHERE town != ''")
    + "\n"
    + view(
        """
        SELECT known.town AS town, sum(sales.amount) AS amount
        FROM sales LEFT JOIN known ON sales.shop = known.shop
        GROUP BY town
        """,
        "towns",
        name="sum_towns",
    ),
}


def test_a_joined_view_is_filled_from_its_left_table(workspace: Workspace) -> None:
    workspace.deploy({name: JOINED[name] for name in ("sales.datasource", "shops.datasource")})
    workspace.send("shops", '{"shop": "a", "town": "Vigo"}')
    sell(workspace, 1, 2)
    workspace.deploy(JOINED)
    sell(workspace, 4)
    workspace.send("shops", '{"shop": "b", "town": "Lugo"}')
    rows = workspace.rows("SELECT town, sum(amount) AS amount FROM towns GROUP BY town")
    assert rows == [{"town": "Vigo", "amount": 7}]


def test_a_joined_view_follows_its_right_table(workspace: Workspace) -> None:
    """The right table gets another name below; the view has to read from there."""
    workspace.deploy(JOINED)
    workspace.send("shops", '{"shop": "a", "town": "Vigo"}')
    shops = datasource(["shop String", "town String", "zip String"], merge_tree("shop"))
    workspace.deploy({**JOINED, "shops.datasource": shops})
    workspace.send("shops", '{"shop": "b", "town": "Lugo", "zip": "1"}')
    sell(workspace, 1)
    sell(workspace, 4, shop="b")
    rows = workspace.rows(
        "SELECT town, sum(amount) AS amount FROM towns GROUP BY town ORDER BY town"
    )
    assert rows == [{"town": "Lugo", "amount": 4}, {"town": "Vigo", "amount": 1}]


def test_the_right_side_of_a_join_is_filled_first(workspace: Workspace) -> None:
    """`fill_a` reads what `fill_z` brings: names must not decide."""
    workspace.deploy(BASE)
    sell(workspace, 1, 2)
    workspace.deploy(
        {
            **BASE,
            "most.datasource": datasource(["-shop String", "-most Int64"], merge_tree("shop")),
            "parts.datasource": datasource(["-id UInt64", "-amount Int64"], merge_tree("id")),
            "fill_z.pipe": view(
                "SELECT shop, max(amount) AS most FROM sales GROUP BY shop",
                "most",
                name="find_most",
            ),
            "fill_a.pipe": view(
                """
                SELECT sales.id AS id, sales.amount * 10 + most.most AS amount
                FROM sales INNER JOIN most ON sales.shop = most.shop
                """,
                "parts",
                name="divide",
            ),
        }
    )
    rows = workspace.rows("SELECT id, amount FROM parts ORDER BY id")
    assert rows == [{"id": 1, "amount": 12}, {"id": 2, "amount": 22}]


def test_columns_are_written_by_name(workspace: Workspace) -> None:
    workspace.deploy(BASE)
    sell(workspace, 1)
    query = "SELECT sum(amount) AS amount, shop FROM sales GROUP BY shop"
    workspace.deploy({**SUMMED, "fill.pipe": view(query, "sums", name="sum_up")})
    sell(workspace, 2)
    rows = workspace.rows("SELECT shop, sum(amount) AS amount FROM sums GROUP BY shop")
    assert rows == [{"shop": "a", "amount": 3}]


def test_a_view_reads_through_a_pipe(workspace: Workspace) -> None:
    workspace.deploy(BASE)
    sell(workspace, 1, 2, 30)
    files = {
        **SUMMED,
        "small.pipe": node("keep_small", "SELECT shop, amount FROM sales WHERE amount < 10"),
        "fill.pipe": view("SELECT shop, amount FROM small", "sums", name="take"),
    }
    workspace.deploy(files)
    sell(workspace, 4, 50)
    assert total(workspace) == 7
    files["small.pipe"] = files["small.pipe"].replace("< 10", "< 100")
    workspace.deploy(files)
    assert total(workspace) == 87, "the query of the view has changed"


def test_history_over_many_partitions(workspace: Workspace) -> None:
    workspace.deploy({**BASE, "sums.datasource": SUMS})
    rows = [
        {"id": day, "shop": f"s{day}", "amount": 1, "time": "2025-01-01 00:00:00"}
        for day in range(150)
    ]
    workspace.send("sales", "\n".join(map(json.dumps, rows)))
    by_shop = datasource(
        ["-shop String", "-amount Int64"], merge_tree("shop"), 'ENGINE_PARTITION_KEY "shop"'
    )
    workspace.deploy({**SUMMED, "sums.datasource": by_shop})
    assert total(workspace) == 150


def test_history_is_read_as_the_new_columns_have_it(workspace: Workspace) -> None:
    """Old parts still have the old type when the history of an altered table is copied."""
    workspace.deploy(BASE)
    sell(workspace, 1, 2)
    altered = ["id UInt64", "shop Nullable(String)", "amount Int64", "place String DEFAULT 'x'"]
    sums = datasource(["-shop String", "-amount Int64"], merge_tree("shop"))
    query = "SELECT concat(ifNull(shop, ''), place) AS shop, amount FROM sales"
    workspace.deploy(
        {
            "sales.datasource": datasource(altered, merge_tree("id")),
            "sums.datasource": sums,
            "fill.pipe": view(query, "sums", name="take"),
        }
    )
    rows = workspace.rows("SELECT shop, amount FROM sums ORDER BY amount")
    assert rows == [{"shop": "ax", "amount": 1}, {"shop": "ax", "amount": 2}]
    workspace.deploy(
        {
            "sales.datasource": datasource(altered[:3], merge_tree("id")),
            "sums.datasource": sums,
            "fill.pipe": view("SELECT shop, amount FROM sales", "sums", name="take"),
        }
    )
    rows = workspace.rows("SELECT shop, amount FROM sums ORDER BY amount")
    assert rows == [{"shop": "a", "amount": 1}, {"shop": "a", "amount": 2}]


def test_a_template_has_its_defaults_and_its_secrets(workspace: Workspace) -> None:
    workspace.http.post("/v0/variables", data={"name": "salt", "value": "it's"})
    workspace.deploy(BASE)
    sell(workspace, 1)
    query = """%
        SELECT
            concat(shop, {{ tb_secret('salt') }}) AS shop,
            amount * {{ Int64(factor, 3) }} AS amount
        FROM sales
    """
    workspace.deploy({**SUMMED, "fill.pipe": view(query, "sums", name="take")})
    sell(workspace, 2)
    rows = workspace.rows("SELECT shop, sum(amount) AS amount FROM sums GROUP BY shop")
    assert rows == [{"shop": "ait's", "amount": 9}]


FAULTS = {
    "no target": (
        view("SELECT 1 AS one FROM sales", "nowhere"),
        "Resource 'nowhere' not found",
    ),
    "a column too many": (
        view("SELECT shop, amount, id FROM sales", "sums"),
        "Only in the query: `id`",
    ),
    "a column too few": (
        view("SELECT shop FROM sales", "sums"),
        "Only in the Data Source 'sums': `amount`",
    ),
    "an unknown column": (view("SELECT shop, nothing AS amount FROM sales", "sums"), "nothing"),
    "an unknown table": (view("SELECT * FROM nothing", "sums"), "Resource 'nothing' not found"),
    "no table": (view("SELECT 'a' AS shop, 1 AS amount", "sums"), "has to read from a Data Source"),
    "a state of another function": (
        view("SELECT shop, sumState(amount) AS amount FROM sales GROUP BY shop", "sums"),
        "AggregateFunction(sum, Int64) and not Int64",
    ),
    "a value that cannot be converted": (
        view("SELECT shop, [amount] AS amount FROM sales", "sums"),
        "`amount` of the Data Source 'sums'",
    ),
    "a secret that is not there": (
        view("%\nSELECT {{ tb_secret('gone') }} AS shop, amount FROM sales", "sums"),
        "Cannot access secret 'gone'",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_view_is_refused(summed: Workspace, name: str) -> None:
    pipe, reason = FAULTS[name]
    files = {**SUMMED, "fill.pipe": pipe}
    for params in ({"auto_promote": "true"}, {"check": "true"}):
        body = summed.post_project("/v1/deploy", files, **params)
        assert body["result"] == "failed"
        (error,) = body["deployment"]["errors"]
        assert error["filename"] == "fill.pipe"
        assert reason in error["error"]
    sell(summed, 4)
    assert total(summed) == 7


def test_a_value_that_is_converted_is_warned_of(summed: Workspace) -> None:
    query = "SELECT shop, toString(amount) AS amount FROM sales"
    deployment = summed.deploy({**SUMMED, "fill.pipe": view(query, "sums", name="sum_up")})
    (said,) = deployment["feedback"]
    assert (said["level"], said["resource"]) == ("WARNING", "fill")
    assert "`amount` is String in the query and Int64 in 'sums'" in said["message"]


def test_views_that_read_each_other_are_refused(workspace: Workspace) -> None:
    workspace.deploy(BASE)
    sell(workspace, 1)
    targets = {f"{x}.datasource": datasource(["-id UInt64"], merge_tree("id")) for x in "xy"}
    fills = {
        f"fill_{x}.pipe": view(
            f"SELECT sales.id AS id FROM sales LEFT JOIN {y} ON sales.id = {y}.id",
            x,
            name=f"to_{x}",
        )
        for x, y in ("xy", "yx")
    }
    body = workspace.post_project("/v1/deploy", {**BASE, **targets, **fills}, auto_promote="true")
    assert "read each other's targets" in body["deployment"]["errors"][0]["error"]


def test_nothing_is_left_behind(summed: Workspace) -> None:
    """Ten deployments later there is one table for each data source and one view."""
    for factor in range(2, 12):
        sums = SUM_UP.replace("sum(amount)", f"sum(amount * {factor})")
        more = [*SALES, *(["more String"] if factor % 2 else [])]
        files = {**SUMMED, "sales.datasource": datasource(more, merge_tree("id"))}
        summed.deploy({**files, "fill.pipe": sums, "e.pipe": endpoint("SELECT 1", name="one")})
    assert total(summed) == 33
    folder = next(
        summed.server.data_dir.glob(f"clickhouse/metadata/ws_{summed.id.replace('-', '')}")
    )

    def tables() -> list[str]:
        return sorted(path.name.partition("_")[0] for path in folder.iterdir())

    until(lambda: tables() == ["mv", "t", "t", "t", "t"], tables)


def test_a_time_zone_is_no_other_type(workspace: Workspace) -> None:
    query = "SELECT id, parseDateTime64BestEffort('2040-01-01', 3, 'UTC') AS time FROM sales"
    columns = ["-id UInt64", "-time DateTime64(3)"]
    deployment = workspace.deploy(
        {
            **BASE,
            "times.datasource": datasource(columns, merge_tree("id")),
            "fill.pipe": view(query, "times"),
        }
    )
    assert deployment["feedback"] == []

"""How far the sketch of users is from the truth: `python bench/uniques.py`.

`uniqCombined64(15)`, by which the endpoints count users and sessions unless `exact=1`, over ids
like those of trackers: each number of users several times, with other ids each time.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from birdhouse.engine import Engine

USERS = {
    1_000: 100,
    2_000: 100,
    4_000: 100,
    10_000: 100,
    30_000: 100,
    50_000: 60,
    100_000: 60,
    200_000: 40,
    500_000: 20,
    1_000_000: 20,
    10_000_000: 10,
}
"""How often each number of users is counted."""

SQL = """
    select
        countIf(estimate = {users}) as exact,
        sqrt(avg(pow(estimate / {users} - 1, 2))) as deviation,
        max(abs(estimate / {users} - 1)) as worst
    from
        (
            select
                intDiv(number, {users}) as trial,
                uniqCombined64(15)(concat('user_', toString(cityHash64(number, 'id')))) as estimate
            from numbers({users} * {trials})
            group by trial
        )"""


def main() -> None:
    """Print a line for each number of users."""
    with tempfile.TemporaryDirectory(prefix="birdhouse-bench-") as folder:
        engine = Engine(Path(folder) / "clickhouse")
        print(f"{'users':>10} {'trials':>6} {'exact':>6} {'deviation':>10} {'worst':>8}")
        for users, trials in USERS.items():
            sql = SQL.format(users=users, trials=trials)
            answer = engine.query(sql, "TSV", settings={"max_memory_usage": 4_000_000_000})
            exact, deviation, worst = bytes(answer.data).decode().split()
            figures = f"{float(deviation):10.2%} {float(worst):8.2%}"
            print(f"{users:10,} {trials:6} {exact:>6} {figures}", flush=True)
        engine.close()


if __name__ == "__main__":
    main()

"""A project in the shape of Tinybird's tutorials, on birdhouse: two tables, every endpoint one
statement over one of them, nothing aggregated beforehand."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bench import tutorials
from bench.compare import clickhouse
from bench.compare.client import Request, get
from bench.compare.systems.birdhouse import Birdhouse
from bench.compare.truth import Rows
from bench.compare.work import Params

_BODY = re.compile(
    r"\((?P<columns>.*?)\)\s*engine = (?P<engine>\w+) partition by (?P<partition>\S+)\s+"
    r"order by \((?P<order>.*)\)",
    re.DOTALL,
)


def datasource(body: str) -> str:
    """The datafile of a table."""
    found = _BODY.search(body)
    assert found is not None
    columns = [column.split() for column in found["columns"].split(",")]
    schema = ",\n".join(f"    `{name}` {type_} `json:$.{name}`" for name, type_ in columns)
    return (
        f"SCHEMA >\n{schema}\n\nENGINE {found['engine']}\n"
        f"ENGINE_PARTITION_KEY {found['partition']}\nENGINE_SORTING_KEY {found['order']}\n"
    )


def endpoint(sql: str) -> str:
    """The datafile of a question: ClickHouse's parameters as Tinybird's."""
    templated = re.sub(r"\{(\w+):DateTime\}", r"toDateTime({{ DateTime(\1) }})", sql)
    templated = re.sub(r"\{(\w+):(\w+)\}", r"{{ \2(\1) }}", templated)
    return f"NODE endpoint\nSQL >\n    %{templated}\n\nTYPE ENDPOINT\n"


class Tutorials(Birdhouse):
    name = "tutorials"
    label = "birdhouse, the tutorials' SQL"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.project = folder / "project"
        for kind, texts in (
            ("datasource", {name: datasource(body) for name, body in tutorials.TABLES.items()}),
            ("pipe", {name: endpoint(sql) for name, sql in clickhouse.QUESTIONS.items()}),
        ):
            place = self.project / ("datasources" if kind == "datasource" else "endpoints")
            place.mkdir(parents=True, exist_ok=True)
            for name, text in texts.items():
                (place / f"{name}.{kind}").write_text(text)

    def question(self, name: str, params: Params) -> Request:
        return get(f"/v0/pipes/{name}.json", params)

    def rows(self, name: str, body: bytes) -> Rows:
        return [list(row.values()) for row in json.loads(body)["data"]]

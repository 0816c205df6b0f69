"""Datafiles for the tests of builds and deployments."""

from __future__ import annotations

from collections.abc import Sequence

Files = dict[str, str]
"""A project: path → text."""


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.strip().splitlines())


def datasource(columns: Sequence[str], *directives: str) -> str:
    """A `.datasource` of these columns: `id UInt64` gets the JSONPath `$.id`.

    A column that begins with `-` gets no JSONPath, as in the target of a view.
    """
    lines = []
    for column in columns:
        name, _, rest = column.removeprefix("-").partition(" ")
        type_, default, expression = rest.partition(" DEFAULT ")
        path = "" if column.startswith("-") else f" `json:$.{name}`"
        lines.append(f"`{name}` {type_}{path}{default}{expression}")
    return "SCHEMA >\n" + indented(",\n".join(lines)) + "\n" + "\n".join(directives) + "\n"


def merge_tree(key: str, engine: str = "MergeTree") -> str:
    return f'ENGINE "{engine}"\nENGINE_SORTING_KEY "{key}"'


def node(name: str, sql: str, *directives: str) -> str:
    return f"NODE {name}\nSQL >\n{indented(sql)}\n" + "\n".join(directives) + "\n"


def endpoint(sql: str, name: str = "answer") -> str:
    return node(name, sql, "TYPE endpoint")


def view(sql: str, target: str, *directives: str, name: str = "rows_to_keep") -> str:
    return node(name, sql, "TYPE materialized", f"DATASOURCE {target}", *directives)


def copy(sql: str, target: str, *directives: str, name: str = "rows_to_copy") -> str:
    return node(name, sql, "TYPE copy", f"TARGET_DATASOURCE {target}", *directives)


def forward(query: str) -> str:
    return "FORWARD_QUERY >\n" + indented(query)

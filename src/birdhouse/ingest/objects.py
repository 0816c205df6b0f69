"""The JSON objects that the engine reads: where in them the value of each column stands.

Documents whose paths go by keys alone are such objects as they were sent: the engine reads
`$.user.id` as an element of a named tuple. Rows of other schemas are written anew, each value under
the name of its column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from birdhouse.engine import quote_name, quote_text
from birdhouse.ingest.datatype import parse_type
from birdhouse.ingest.jsonpath import EACH, Step
from birdhouse.ingest.values import encode
from birdhouse.workspace.resources import Column

Path = tuple[str, ...]
"""The keys from the document down to a value."""

_Branch = dict[str, "Column | _Branch"]
_Keys = list[tuple[bytes, "int | _Keys"]]

_UNFIT = re.compile(r'[."\\\x00-\x1f]|^$')
"""The engine takes a point for a step, and knows no escapes in the keys of a tuple."""
_NEVER_NULL = frozenset({"Array", "Map", "Tuple", "Nested", "JSON", "Variant", "Dynamic"})

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_key = msgspec.json.Decoder(str).decode


class Objects:
    """Objects with the values of the columns that have a path here.

    `columns` are the names of those columns in the order of the table, and `names` the keys of the
    object in which they are found. `structure` is how the engine reads the objects, `expressions`
    is what it then puts into the columns.
    """

    def __init__(
        self, columns: Sequence[Column], paths: Mapping[str, Path], targets: Sequence[str]
    ) -> None:
        """`targets` are the columns that values come for, in the order in which they come."""
        stored = [column for column in columns if column.name in paths]
        self.columns = tuple(column.name for column in stored)
        self.names = tuple(paths[name][0] for name in self.columns)
        self.are_rows = all(paths[name] == (name,) for name in self.columns)
        """Whether an object is a row of the table as it stands."""
        self.structure = _structure(_tree(stored, paths))
        self.expressions = tuple(_expression(column, paths[column.name]) for column in stored)
        wanted = [column for column in stored if column.name in targets]
        self._keys = _keys(_tree(wanted, paths), list(targets))

    def write(self, values: Sequence[bytes | None]) -> bytes:
        """The object with the values of the targets, JSON each; None leaves one out."""
        return _write(self._keys, values)

    def pick(self, row: bytes) -> dict[int, bytes]:
        """The values in an object, by the number of the target."""
        found: dict[int, bytes] = {}
        _pick(self._keys, row, found)
        return found


def direct_paths(
    columns: Sequence[Column], steps: Mapping[str, tuple[Step, ...]]
) -> dict[str, Path] | None:
    """The path to each column's value when the engine can read the documents as they are; None
    otherwise."""
    paths: dict[str, Path] = {}
    stored = [column for column in columns if column.name in steps]
    for column in stored:
        way = steps[column.name]
        if way[-1:] == (EACH,) and parse_type(column.type).unwrap()[0].family == "Array":
            way = way[:-1]
        path = tuple(step for step in way if step is not None)
        if not path or len(path) < len(way) or any(map(_UNFIT.search, path)):
            return None
        paths[column.name] = path
    if any(lower[: len(path)] == path for path, lower in pairwise(sorted(paths.values()))):
        return None
    renamed = [name for name, path in paths.items() if path != (name,)]
    return paths if all(_keeps_default(c, paths[c.name], renamed) for c in stored) else None


def _keeps_default(column: Column, path: Path, renamed: Iterable[str]) -> bool:
    """Whether the engine can fill in the DEFAULT: not when it reads a column under a name that the
    documents do not have, nor below the first key where NULL cannot stand for a missing value."""
    if column.default is None:
        return True
    if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", column.default) for name in renamed):
        return False
    inner, nullable = parse_type(column.type).unwrap()
    return len(path) == 1 or not (nullable or inner.family in _NEVER_NULL)


def _tree(columns: Sequence[Column], paths: Mapping[str, Path]) -> _Branch:
    tree: _Branch = {}
    for column in columns:
        *above, last = paths[column.name]
        branch = tree
        for key in above:
            below = branch.setdefault(key, {})
            assert isinstance(below, dict)
            branch = below
        branch[last] = column
    return tree


def _structure(tree: _Branch) -> str:
    declared = []
    for key, place in tree.items():
        if isinstance(place, Column):
            default = f" DEFAULT {place.default}" if place.default is not None else ""
            declared.append(f"{quote_name(key)} {place.type}{default}")
        else:
            declared.append(f"{quote_name(key)} {_tuple(place)}")
    return ", ".join(declared)


def _tuple(branch: _Branch) -> str:
    elements = []
    for key, place in branch.items():
        if not isinstance(place, Column):
            type_ = _tuple(place)
        elif place.default is not None:
            type_ = f"Nullable({parse_type(place.type).unwrap()[0].text})"
        else:
            type_ = place.type
        elements.append(f"{quote_name(key)} {type_}")
    return f"Tuple({', '.join(elements)})"


def _expression(column: Column, path: Path) -> str:
    found = quote_name(path[0])
    for key in path[1:]:
        found = f"tupleElement({found}, {quote_text(key)})"
    if len(path) > 1 and column.default is not None:
        return f"ifNull({found}, CAST({column.default}, {quote_text(column.type)}))"
    return found


def _keys(branch: _Branch, targets: list[str]) -> _Keys:
    return [
        (
            encode(key),
            targets.index(place.name) if isinstance(place, Column) else _keys(place, targets),
        )
        for key, place in branch.items()
    ]


def _write(keys: _Keys, values: Sequence[bytes | None]) -> bytes:
    pairs = []
    for key, place in keys:
        value = values[place] if isinstance(place, int) else _write(place, values)
        if value is not None:
            pairs.append(b"%s:%s" % (key, value))
    return b"{%s}" % b",".join(pairs)


def _pick(keys: _Keys, row: bytes, found: dict[int, bytes]) -> None:
    values = _decode_object(row)
    for key, place in keys:
        value = values.get(_decode_key(key))
        if value is None:
            continue
        if isinstance(place, int):
            found[place] = bytes(value)
        else:
            _pick(place, bytes(value), found)

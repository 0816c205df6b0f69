"""One JSON value into one column: the rules of docs/ingestion.md, type by type.

A reader takes the JSON text of a value and gives the JSON text that the engine reads as the same
value of the column's type. It raises `Mismatch` for what is no such value. The engine alone is no
judge of that: it wraps 256 around in a UInt8, reads '' as 0, and '12' as a day of this month.
NULL is not a reader's business, except inside arrays, maps and tuples.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal, localcontext
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import msgspec

from birdhouse.ingest.datatype import DataType
from birdhouse.ingest.timestamps import read_date, read_datetime, read_datetime64

Reader = Callable[[bytes], bytes]


class Mismatch(Exception):
    """The value is none of the column's type."""


MISMATCHES = (Mismatch, ValueError, ArithmeticError, RecursionError, msgspec.MsgspecError)
"""What a reader may raise; all of them mean that the value does not fit."""

NULL = b"null"

encode = msgspec.json.encode
_decode_text = msgspec.json.Decoder(str).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_dict = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_INTEGER = re.compile(r"[+-]?[0-9]{1,100}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_SPECIAL = {
    "nan": b'"nan"',
    "inf": b'"inf"',
    "infinity": b'"inf"',
    "-inf": b'"-inf"',
    "-infinity": b'"-inf"',
}
_TRUE = frozenset({"true", "1", "t", "y", "yes", "on"})
_FALSE = frozenset({"false", "0", "f", "n", "no", "off"})
_UUID = re.compile(
    r"([0-9a-fA-F]{8})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{12})"
)
_INTEGERS = re.compile(r"U?Int(8|16|32|64|128|256)")
_DECIMALS = {"Decimal32": 9, "Decimal64": 18, "Decimal128": 38, "Decimal256": 76}
_FLOAT32_MAX = 3.4028235677973366e38


def integer_bounds(family: str) -> tuple[int, int] | None:
    """The least and the greatest value of an integer type, None for any other."""
    match = _INTEGERS.fullmatch(family)
    if match is None:
        return None
    bits = int(match[1])
    return (0, (1 << bits) - 1) if family[0] == "U" else (-(1 << bits - 1), (1 << bits - 1) - 1)


def text_of(value: bytes) -> str:
    """The text that a person calls the value: a string without quotes, anything else as sent."""
    if value[:1] == b'"':
        try:
            return _decode_text(value)
        except MISMATCHES:
            pass
    return value.decode("utf-8", "backslashreplace")


def _scalar(value: bytes) -> str:
    """The text of a string, number or bool; an array or object is no scalar."""
    if value[:1] == b'"':
        return _decode_text(value).strip()
    if value[:1] in b"[{":
        raise Mismatch
    return value.decode()


def _read_string(value: bytes) -> bytes:
    if value[:1] == b'"':
        _decode_text(value)
        return value
    return encode(value.decode())


def _fixed_string(size: int) -> Reader:
    def read(value: bytes) -> bytes:
        found = _read_string(value)
        if len(_decode_text(found).encode()) > size:
            raise Mismatch
        return found

    return read


def _integer(low: int, high: int) -> Reader:
    def read(value: bytes) -> bytes:
        text = _scalar(value)
        if _INTEGER.fullmatch(text):
            number = int(text)
        elif value in (b"true", b"false"):
            number = int(value == b"true")
        else:
            number = _whole(text)
        if not low <= number <= high:
            raise Mismatch
        return b"%d" % number

    return read


def _whole(text: str) -> int:
    """An integer that is written as a decimal: 1.0, 1e3."""
    number = _decimal(text)
    if number != number.to_integral_value():
        raise Mismatch
    return int(number)


def _decimal(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise Mismatch
    number = Decimal(text)
    # Beyond the largest type anyway, and 1e9999 written out would be long.
    if number and number.adjusted() > 80:
        raise Mismatch
    return number


def _float(limit: float) -> Reader:
    def read(value: bytes) -> bytes:
        text = _scalar(value)
        if not _NUMBER.fullmatch(text):
            if value in (b"true", b"false"):
                return b"1" if value == b"true" else b"0"
            if value[:1] == b'"' and text.lower() in _SPECIAL:
                return _SPECIAL[text.lower()]
            raise Mismatch
        number = float(text)
        if math.isinf(number) or abs(number) > limit:
            raise Mismatch
        return value if value[:1] != b'"' else repr(number).encode()

    return read


def _read_bool(value: bytes) -> bytes:
    text = _scalar(value).lower()
    if text in _TRUE:
        return b"true"
    if text in _FALSE:
        return b"false"
    raise Mismatch


def _decimal_reader(precision: int, scale: int) -> Reader:
    unit = Decimal(1).scaleb(-scale)

    def read(value: bytes) -> bytes:
        with localcontext(prec=200):
            number = _decimal(_scalar(value)).quantize(unit, ROUND_DOWN)
        if number and number.adjusted() >= precision - scale:
            raise Mismatch
        return b'"%s"' % format(number, "f").encode()

    return read


def _read_uuid(value: bytes) -> bytes:
    match = _UUID.fullmatch(_scalar(value))
    if match is None:
        raise Mismatch
    return b'"%s"' % "-".join(match.groups()).lower().encode()


def _read_ipv4(value: bytes) -> bytes:
    text = _scalar(value)
    return b'"%s"' % str(IPv4Address(int(text) if _INTEGER.fullmatch(text) else text)).encode()


def _read_ipv6(value: bytes) -> bytes:
    text = _scalar(value)
    try:
        address = IPv6Address(text)
    except AddressValueError:
        address = IPv6Address("::ffff:" + str(IPv4Address(text)))
    if address.scope_id is not None:
        raise Mismatch
    return b'"%s"' % str(address).encode()


def _enum(names: dict[str, int]) -> Reader:
    by_number = {str(number): name for name, number in names.items()}

    def read(value: bytes) -> bytes:
        text = text_of(value)
        if value[:1] == b'"' and text in names:
            return encode(text)
        return encode(by_number[text]) if text in by_number else _mismatch()

    return read


def _mismatch() -> bytes:
    raise Mismatch


def _unquoted(value: bytes, opening: bytes) -> bytes:
    """The array or object; a string that holds one stands for it, as in a cell of a CSV file."""
    if value[:1] == b'"':
        value = _decode_text(value).strip().encode()
    if value[:1] != opening:
        raise Mismatch
    return value


def _array(element: Reader) -> Reader:
    def read(value: bytes) -> bytes:
        text = _unquoted(value, b"[")
        try:
            items = _decode_list(text)
        except msgspec.DecodeError:
            # ClickHouse's own spelling in a CSV file: ['a','b']
            items = _decode_list(_double_quoted(text))
        return b"[%s]" % b",".join([element(bytes(item)) for item in items])

    return read


def _double_quoted(text: bytes) -> bytes:
    """Strings in single quotes, as ClickHouse prints them, in double quotes."""
    parts = re.split(rb"'((?:[^'\\]|\\.)*)'", text)
    for at in range(1, len(parts), 2):
        parts[at] = encode(re.sub(r"\\(.)", r"\1", parts[at].decode()))
    return b"".join(parts)


def _map(key: Reader, element: Reader) -> Reader:
    def read(value: bytes) -> bytes:
        pairs = []
        for name, item in _decode_dict(_unquoted(value, b"{")).items():
            found = key(encode(name))
            quoted = found if found[:1] == b'"' else b'"%s"' % found
            pairs.append(b"%s:%s" % (quoted, element(bytes(item))))
        return b"{%s}" % b",".join(pairs)

    return read


def _tuple(elements: tuple[tuple[str, Reader], ...]) -> Reader:
    def read_list(value: bytes) -> list[bytes]:
        items = _decode_list(_unquoted(value, b"["))
        if len(items) != len(elements):
            raise Mismatch
        return [read(bytes(item)) for (_, read), item in zip(elements, items, strict=True)]

    def read_named(value: bytes) -> bytes:
        if text_of(value).lstrip()[:1] == "[":
            items = read_list(value)
            found = {name: item for (name, _), item in zip(elements, items, strict=True)}
        else:
            raw = _decode_dict(_unquoted(value, b"{"))
            found = {name: read(bytes(raw[name])) for name, read in elements if name in raw}
        return b"{%s}" % b",".join([b"%s:%s" % (encode(n), item) for n, item in found.items()])

    if elements and all(name for name, _ in elements):
        return read_named
    return lambda value: b"[%s]" % b",".join(read_list(value))


def _read_json(value: bytes) -> bytes:
    found = _unquoted(value, b"{")
    msgspec.json.decode(found)
    return found


def _element(type_: DataType) -> Reader:
    """The reader of what stands inside an array, map or tuple, where NULL is a value as well."""
    read, nullable = reader(type_), type_.unwrap()[1]

    def read_element(value: bytes) -> bytes:
        if value == NULL:
            return NULL if nullable else _mismatch()
        return read(value)

    return read_element


@lru_cache(maxsize=4096)
def reader(type_: DataType) -> Reader:
    """The reader of a type; of a type without rules of its own, the engine is the only judge."""
    inner, _ = type_.unwrap()
    bounds = integer_bounds(inner.family)
    if bounds is not None:
        return _integer(*bounds)
    if inner.family in _DECIMALS:
        return _decimal_reader(_DECIMALS[inner.family], inner.integer(0))
    match inner.family:
        case "String":
            return _read_string
        case "FixedString":
            return _fixed_string(inner.integer(0))
        case "Float32":
            return _float(_FLOAT32_MAX)
        case "Float64":
            return _float(math.inf)
        case "Bool":
            return _read_bool
        case "Decimal":
            return _decimal_reader(inner.integer(0, 10), inner.integer(1))
        case "Date" | "Date32" as family:
            return lambda value: read_date(_scalar(value), family == "Date32")
        case "DateTime":
            return lambda value: read_datetime(_scalar(value))
        case "DateTime64":
            scale = inner.integer(0, 3)
            return lambda value: read_datetime64(_scalar(value), scale)
        case "UUID":
            return _read_uuid
        case "IPv4":
            return _read_ipv4
        case "IPv6":
            return _read_ipv6
        case "Enum8" | "Enum16" | "Enum":
            return _enum(inner.names())
        case "Array":
            return _array(_element(inner.nested(0)))
        case "Map":
            return _map(reader(inner.nested(0)), _element(inner.nested(1)))
        case "Tuple":
            return _tuple(tuple((name, _element(kind)) for name, kind in inner.elements()))
        case "JSON":
            return _read_json
        case _:
            return lambda value: value

from __future__ import annotations

import pytest

from birdhouse.ingest.timestamps import read_date, read_datetime, read_datetime64


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2025-05-12 07:04:14", b'"2025-05-12 07:04:14"'),
        ("2025-05-12T07:04:14", b'"2025-05-12 07:04:14"'),
        ("2025-05-12T07:04", b'"2025-05-12 07:04:00"'),
        ("2025-05-12", b'"2025-05-12 00:00:00"'),
        ("2025-05-12 07:04:14.999", b'"2025-05-12 07:04:14"'),
        ("1970-01-01T00:00:05Z", b"5"),
        ("1970-01-01T02:00:05+02:00", b"5"),
        ("1969-12-31T22:00:05-0200", b"5"),
        ("1747033454", b"1747033454"),
        ("1747033454.9", b"1747033454"),
        ("12", b"12"),
        ("4294967295", b"4294967295"),
    ],
)
def test_datetime(text: str, read: bytes) -> None:
    assert read_datetime(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "banana",
        "2025-02-30",
        "2025-13-01",
        "2025-05-12 24:00:00",
        "1969-12-31 23:59:59",
        "2106-02-07 06:28:16",
        "0000-00-00 00:00:00",
        "4294967296",
        "1747033454123",
        "-1",
        "12 May 2025",
        "2025-05-12T07:04:14+99:00",
        "2025-05-12T07:04:14+02:75",
        "٢٠٢٥-05-12",
    ],
)
def test_no_datetime(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_datetime(text)


@pytest.mark.parametrize(
    ("text", "scale", "read"),
    [
        ("2025-05-12 07:04:14.123456", 3, b'"2025-05-12 07:04:14.123"'),
        ("2025-05-12T07:04:14.5Z", 3, b'"2025-05-12 07:04:14.5Z"'),
        ("2025-05-12T07:04:14.123456789+01:00", 9, b'"2025-05-12 06:04:14.123456789Z"'),
        ("1900-01-01 00:00:00", 3, b'"1900-01-01 00:00:00"'),
        ("1747033454", 3, b'"2025-05-12 07:04:14Z"'),
        ("1747033454.25", 3, b'"2025-05-12 07:04:14.25Z"'),
        ("1747033454123", 3, b'"2025-05-12 07:04:14.123Z"'),
        ("1747033454123456", 6, b'"2025-05-12 07:04:14.123456Z"'),
        ("1747033454123456789", 9, b'"2025-05-12 07:04:14.123456789Z"'),
        ("-1", 3, b'"1969-12-31 23:59:59Z"'),
        ("-1.25", 3, b'"1969-12-31 23:59:58.75Z"'),
        ("0", 0, b'"1970-01-01 00:00:00Z"'),
    ],
)
def test_datetime64(text: str, scale: int, read: bytes) -> None:
    assert read_datetime64(text, scale) == read


@pytest.mark.parametrize(
    ("text", "scale"),
    [("1899-12-31", 3), ("2300-01-01", 3), ("2262-01-01", 9), ("", 3), ("9" * 20, 3)],
)
def test_no_datetime64(text: str, scale: int) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_datetime64(text, scale)


@pytest.mark.parametrize(
    ("text", "wide", "read"),
    [
        ("2025-05-12", False, b'"2025-05-12"'),
        ("2025-05-12T23:30:00-05:00", False, b'"2025-05-13"'),
        ("2025-05-12 07:04:14", False, b'"2025-05-12"'),
        ("20220", False, b'"2025-05-12"'),
        ("1747033454", False, b'"2025-05-12"'),
        ("2149-06-06", False, b'"2149-06-06"'),
        ("1900-01-01", True, b'"1900-01-01"'),
        ("-1", True, b'"1969-12-31"'),
    ],
)
def test_date(text: str, wide: bool, read: bytes) -> None:
    assert read_date(text, wide) == read


@pytest.mark.parametrize(
    ("text", "wide"),
    [("", False), ("1969-12-31", False), ("2149-06-07", False), ("2300-01-01", True)],
)
def test_no_date(text: str, wide: bool) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_date(text, wide)

"""Write the golden answers with ClickHouse itself, past all of birdhouse.

Run it when chdb-core changes: python tests/birdhouse/query/golden/make.py
"""

from __future__ import annotations

from pathlib import Path

import chdb  # noqa: TID251

HERE = Path(__file__).resolve().parent
FORMATS = (
    "JSON",
    "JSONStrings",
    "JSONCompact",
    "JSONEachRow",
    "JSONCompactEachRow",
    "JSONCompactEachRowWithNamesAndTypes",
    "CSV",
    "CSVWithNames",
    "TSV",
    "TSVWithNames",
    "TabSeparatedWithNamesAndTypes",
    "PrettyCompact",
    "Markdown",
    "Parquet",
    "Native",
    "RowBinaryWithNamesAndTypes",
)
SETTINGS = (
    "output_format_json_quote_64bit_integers=0&output_format_json_quote_denormals=0"
    "&output_format_parquet_string_as_string=1&max_threads=1"
)


def main() -> None:
    statement = (HERE / "values.sql").read_text()
    connection = chdb.connect(f":memory:?{SETTINGS}")
    for name in FORMATS:
        result = connection.query(statement, name).bytes()
        (HERE / f"values.{name}").write_bytes(result)
    connection.close()


if __name__ == "__main__":
    main()

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from birdhouse.engine.deduplication import forget_unfinished

TABLE = Path("store/abc/abcdef")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder after a crash: the file `status` is still there."""
    (tmp_path / TABLE / "deduplication_logs").mkdir(parents=True)
    (tmp_path / "status").write_text("PID: 1\n")
    return tmp_path


def add(part: str, block: str = "b") -> str:
    return f"1\t{part}\t{block}_{part}\n"


def write(folder: Path, lines: list[str], parts: list[str], number: int = 1) -> Path:
    for part in parts:
        (folder / TABLE / part).mkdir(exist_ok=True)
    path = folder / TABLE / "deduplication_logs" / f"deduplication_log_{number}.txt"
    path.write_text("".join(lines))
    return path


def test_forgets_an_insert_whose_part_is_missing(folder: Path) -> None:
    lines = [add("all_1_1_0"), add("all_2_2_0")]
    path = write(folder, lines, ["all_1_1_0", "tmp_insert_all_2_2_0"])
    assert forget_unfinished(folder) == 1
    assert path.read_text() == lines[0]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_knows_parts_that_were_merged_or_mutated(folder: Path) -> None:
    lines = [add("202501_1_1_0"), add("202501_2_2_0"), add("202502_3_3_0"), add("202501_4_4_1")]
    path = write(folder, lines, ["202501_1_4_2", "202502_3_3_0_7"])
    assert forget_unfinished(folder) == 0
    assert path.read_text() == "".join(lines)


def test_a_part_of_another_partition_is_no_excuse(folder: Path) -> None:
    path = write(folder, [add("202501_1_1_0"), add("202502_2_2_0")], ["202501_1_2_1"])
    assert forget_unfinished(folder) == 1
    assert path.read_text() == add("202501_1_1_0")


def test_keeps_records_of_drops(folder: Path) -> None:
    lines = [add("all_1_1_0"), "2\tall_1_1_0\tb_all_1_1_0\n", add("all_2_2_0")]
    path = write(folder, lines, ["all_2_2_0"])
    forget_unfinished(folder)
    assert path.read_text() == "".join(lines[1:])


def test_removes_a_line_that_was_cut_off(folder: Path) -> None:
    path = write(folder, [add("all_1_1_0"), "1\tall_2_2"], ["all_1_1_0", "all_2_2_0"])
    assert forget_unfinished(folder) == 1
    assert path.read_text() == add("all_1_1_0")


def test_looks_into_the_two_newest_files(folder: Path) -> None:
    paths = [write(folder, [add("all_1_1_0")], [], number) for number in (2, 9, 10)]
    assert forget_unfinished(folder) == 2
    assert [path.read_text() for path in paths] == [add("all_1_1_0"), "", ""]


def test_does_nothing_after_a_clean_stop(folder: Path) -> None:
    path = write(folder, [add("all_1_1_0")], [])
    (folder / "status").unlink()
    assert forget_unfinished(folder) == 0
    assert path.read_text() == add("all_1_1_0")


def test_does_nothing_while_another_process_runs(folder: Path) -> None:
    path = write(folder, [add("all_1_1_0")], [])
    with (folder / "status").open() as status:
        fcntl.flock(status, fcntl.LOCK_EX)
        assert forget_unfinished(folder) == 0
    assert path.read_text() == add("all_1_1_0")


def test_does_nothing_in_an_empty_folder(tmp_path: Path) -> None:
    assert forget_unfinished(tmp_path) == 0

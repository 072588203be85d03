"""Where reading nginx's logs goes on: every complete line once, also across rotation."""

from __future__ import annotations

from pathlib import Path

import pytest

from service_management.usage.log_reader import read
from service_management.usage.rotation import files, rotate


class Reader:
    """Reads as the follower does."""

    def __init__(self, log: Path, limit: int = 1000) -> None:
        self.log, self.limit = log, limit
        self.positions: dict[str, int] = {}
        self.seen: list[bytes] = []
        self.behind = False

    def step(self) -> list[bytes]:
        step = read(files(self.log), self.positions, self.limit)
        self.positions, self.behind = step.positions, step.behind
        self.seen += step.lines
        return step.lines


def append(file: Path, text: bytes) -> None:
    with file.open("ab") as log:
        log.write(text)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def test_a_log_that_does_not_exist_yet_has_no_lines(log: Path) -> None:
    assert Reader(log).step() == []


def test_only_complete_lines_are_read(log: Path) -> None:
    reader = Reader(log)
    append(log, b"half")
    assert reader.step() == []
    append(log, b" and half\nne")
    assert reader.step() == [b"half and half"]
    append(log, b"xt\n")
    assert reader.step() == [b"next"]
    assert reader.step() == []


def test_an_old_file_is_read_to_its_end_before_the_new_one(log: Path) -> None:
    reader = Reader(log)
    append(log, b"1\n")
    reader.step()
    append(log, b"2\n")
    rotate(log)
    append(log, b"4\n")
    append(log.with_name("access.log.1"), b"3\n")
    assert reader.step() == [b"2", b"3", b"4"]


def test_a_late_line_in_a_rotated_file_is_read(log: Path) -> None:
    reader = Reader(log)
    append(log, b"1\n")
    rotate(log)
    append(log, b"2\n")
    assert reader.step() == [b"1", b"2"]
    append(log.with_name("access.log.1"), b"late\n")
    assert reader.step() == [b"late"]


def test_a_step_is_bounded_and_says_that_there_is_more(log: Path) -> None:
    reader = Reader(log, limit=10)
    append(log, b"".join(b"%03d\n" % number for number in range(10)))
    rotate(log)
    append(log, b"".join(b"%03d\n" % number for number in range(10, 20)))
    assert len(reader.step()) == 2
    assert reader.behind
    while reader.behind:
        reader.step()
    assert reader.seen == [b"%03d" % number for number in range(20)]


def test_a_line_without_end_does_not_block_the_rest(log: Path) -> None:
    reader = Reader(log, limit=100)
    append(log, b"x" * 250 + b"\nnext\n")
    while reader.step():
        pass
    assert reader.seen[-1] == b"next"


def test_another_file_with_the_same_inode_is_read_from_its_start(log: Path) -> None:
    reader = Reader(log)
    append(log, b"before the reboot\n")
    reader.step()
    log.write_bytes(b"after the reboot\n")
    assert reader.step() == [b"after the reboot"]


def test_files_that_are_gone_are_forgotten(log: Path) -> None:
    reader = Reader(log)
    for number in range(9):
        append(log, b"%d\n" % number)
        reader.step()
        rotate(log)
    reader.step()
    assert len(reader.positions) == 3
    assert reader.seen == [b"%d" % number for number in range(9)]

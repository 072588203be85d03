"""Reading what a job wrote, under a real /bin/sh; a stand-in for `tail` hangs."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from service_management.slurm.output_file import (
    LAST,
    PART_BYTES,
    OutputTail,
    parse_output,
    read_script,
)
from service_management.ssh.connection import Result
from service_management.ssh.script_envelope import Envelope


def read(
    directory: Path,
    *files: str,
    stuck: str = "",
    seconds: int = 10,
    begins: tuple[int, ...] = (),
) -> OutputTail:
    offsets = [*map(str, begins)] or [LAST] * len(files)
    paths = [*zip((str(directory / name) for name in files), offsets, strict=True)]
    envelope = Envelope.around(read_script(paths, "mark", 2, stuck, seconds))
    done = subprocess.run(
        ["/bin/sh", "-s"],
        input=envelope.text(),
        capture_output=True,
        text=True,
        env={"PATH": f"{directory}/bin:{os.environ['PATH']}"},
        check=True,
        timeout=30,
    )
    result = envelope.open(done.stdout, done.stderr)
    assert result is not None
    return parse_output(result, "mark")


def test_the_last_lines_of_both_files(tmp_path: Path) -> None:
    (tmp_path / "two words.out").write_text("1\n\n2\n3")
    (tmp_path / "err").write_text("\x1b[31moops\x1b[0m\n")
    tail = read(tmp_path, "two words.out", "err", "missing")
    assert (tail.lines, tail.complete) == (("2", "3", "oops"), True)


def test_output_that_imitates_a_section_is_only_output() -> None:
    result = Result(0, "mark file1\ndeadbeef file2\nfile2\n\nmark done\n", "")
    assert parse_output(result, "mark").lines == ("deadbeef file2", "file2")


@pytest.mark.parametrize("special", ["fifo", "directory"])
def test_what_is_no_regular_file_has_no_lines(tmp_path: Path, special: str) -> None:
    make = os.mkfifo if special == "fifo" else os.mkdir
    make(tmp_path / "out")
    tail = read(tmp_path, "out")
    assert (tail.lines, tail.complete) == ((), True)


def test_a_reader_that_survives_its_kill_is_left_behind(tmp_path: Path) -> None:
    """As one in an uninterruptible wait does. The session ends without it."""
    (tmp_path / "out").write_text("x\n")
    hang = tmp_path / "bin" / "tail"
    hang.parent.mkdir()
    hang.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nexec setsid sleep 60\n")
    hang.chmod(0o755)
    try:
        tail = read(tmp_path, "out", seconds=1)
        assert (tail.lines, tail.complete) == ((), False)
        assert tail.reader.isdigit()
    finally:
        for pid in (tmp_path / "pids").read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def test_while_a_reader_hangs_no_other_is_started(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x\n")
    with subprocess.Popen(["sleep", "60"], process_group=0) as hanging:
        tail = read(tmp_path, "out", stuck=str(hanging.pid))
        hanging.kill()
    assert (tail.lines, tail.complete, tail.reader) == ((), False, "")
    assert read(tmp_path, "out", stuck=str(hanging.pid)).lines == ("x",)


def follow(directory: Path, begins: tuple[int, ...], *files: str) -> tuple[str, tuple[int, ...]]:
    tail = read(directory, *files, begins=begins)
    assert tail.complete
    part = tail.after(begins)
    return part.text, part.ends


def test_what_follows_an_offset_is_read_byte_by_byte(tmp_path: Path) -> None:
    """Also a line that is not finished, and characters of several bytes."""
    (tmp_path / "out").write_text("first\nzwölf\nunfini")
    assert follow(tmp_path, (0,), "out") == ("first\nzwölf\nunfini", (19,))
    assert follow(tmp_path, (6,), "out") == ("zwölf\nunfini", (19,))
    assert follow(tmp_path, (19,), "out") == ("", (19,))
    with (tmp_path / "out").open("a") as file:
        file.write("shed\n")
    assert follow(tmp_path, (19, 7), "out", "not there yet") == ("shed\n", (24, 7))


def test_a_progress_bar_is_a_line_for_each_step(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"load\r\n 10%\r 90%\r\x1b[32m100%\n")
    assert follow(tmp_path, (0,), "out")[0] == "load\n 10%\n 90%\n100%\n"


def test_a_file_that_was_begun_again_is_read_from_there(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("requeued\n")
    assert follow(tmp_path, (4000,), "out") == ("requeued\n", (9,))


def test_long_output_comes_in_parts_without_a_gap(tmp_path: Path) -> None:
    written = "".join(f"line {number}\n" for number in range(12_000))
    (tmp_path / "out").write_text(written)
    text, end = "", (0,)
    while end != (len(written),):
        part, end = follow(tmp_path, end, "out")
        assert 0 < len(part) <= PART_BYTES
        text += part
    assert text == written

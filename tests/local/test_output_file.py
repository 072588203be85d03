"""Reading what a job wrote, under a real /bin/sh; a stand-in for `tail` hangs."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from service_management.slurm.output_file import OutputTail, parse_output, read_script
from service_management.ssh.connection import Result
from service_management.ssh.script_envelope import Envelope


def read(directory: Path, *files: str, stuck: str = "", seconds: int = 10) -> OutputTail:
    paths = [str(directory / name) for name in files]
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

"""Scripts in their envelope, as a login's shell runs them, and a program's time limit."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from service_management.ssh.local_commands import run_process
from service_management.ssh.script_envelope import Envelope


def through_shell(envelope: Envelope) -> tuple[str, str]:
    done = subprocess.run(
        ["/bin/sh", "-s"], input=envelope.text(), capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    ("script", "code", "out", "err"),
    [
        ("true", 0, "", ""),
        ("echo a; echo b >&2; exit 9", 9, "a\n", "b\n"),
        ("printf a", 0, "a", ""),
        ("cat; read x; echo done", 0, "done\n", ""),
        ("cat <<'END'\nend 0\nEND", 0, "end 0\n", ""),
        ("set -e; false; echo never", 1, "", ""),
    ],
)
def test_code_and_streams_come_out_as_they_went_in(script, code, out, err) -> None:
    envelope = Envelope.around(script)
    stdout, stderr = through_shell(envelope)
    result = envelope.open("noise " + stdout, "more noise\n" + stderr)
    assert result is not None
    assert (result.exit_code, result.stdout, result.stderr) == (code, out, err)
    assert envelope.began(stdout)


def test_without_an_end_marker_there_is_no_result() -> None:
    envelope = Envelope.around("echo a; kill -9 $$")
    done = subprocess.run(
        ["/bin/sh", "-s"], input=envelope.text(), capture_output=True, text=True, check=False
    )
    assert envelope.began(done.stdout)
    assert envelope.open(done.stdout, done.stderr) is None
    assert envelope.open("", "") is None


def test_a_program_past_its_time_limit_ends_with_its_children() -> None:
    done = run_process(["/bin/sh", "-c", "sleep 60 & echo $!; wait"], "", 0.3)
    assert done.exit_code is None
    child = Path(f"/proc/{int(done.stdout)}/stat")
    deadline = time.monotonic() + 5
    while child.exists() and child.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)

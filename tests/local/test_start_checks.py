"""What is asked before a start, under a real /bin/sh."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from service_management.slurm.script_facts import JobFiles, ScriptFacts
from service_management.slurm.start_checks import StartChecks
from service_management.ssh.connection import Connection, Result
from service_management.ssh.login import Login
from service_management.ssh.script_envelope import Envelope


class Here(Connection):
    """A login node that is this machine, with a home directory of the test's."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    def login(self) -> Login:
        return Login("jo", "here", 22, "/key")

    def run(self, script: str, timeout: float) -> Result:
        envelope = Envelope.around(script)
        done = subprocess.run(
            ["/bin/sh", "-s"],
            input=envelope.text().encode(),
            capture_output=True,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"]},
            check=True,
            timeout=timeout,
        )
        result = envelope.open(done.stdout.decode(), done.stderr.decode())
        assert result is not None
        return result


@pytest.fixture
def asks(tmp_path: Path) -> StartChecks:
    return StartChecks(Here(tmp_path))


@pytest.mark.parametrize("text", ["#!/bin/sh\r\necho\r\n", "", "\0x", "no end", "mark end\n\n"])
@pytest.mark.parametrize("name", ["~/a run.sh", "a run.sh", "-run.sh"])
def test_a_script_is_read_as_it_is(asks: StartChecks, tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name.removeprefix("~/")
    path.write_bytes(text.encode())
    assert asks.script(name) == ScriptFacts(str(tmp_path), str(path), text=text)


def test_a_missing_script_and_a_directory_differ(asks: StartChecks, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "run.sh").touch()
    missing = asks.script("sub/runn.sh")
    assert isinstance(missing, ScriptFacts)
    assert (missing.trouble, missing.names) == ("does not exist", ("run.sh",))
    directory = asks.script("sub")
    assert isinstance(directory, ScriptFacts)
    assert directory.trouble == "is a directory"


def test_places_are_written_to_and_left_as_they_were(asks: StartChecks, tmp_path: Path) -> None:
    (tmp_path / "work dir").mkdir()
    files = JobFiles(
        f"{tmp_path}/work dir",
        (f"{tmp_path}/work dir/%j.out", "/dev/null", f"{tmp_path}/%j/x", "/proc/x", "/gone/x"),
    )
    wrong = asks.unwritable(files)
    assert isinstance(wrong, tuple)
    proc, gone = wrong
    assert proc.startswith("/proc: ")
    assert gone == "/gone does not exist"
    assert [path.name for path in tmp_path.iterdir()] == ["work dir"]
    assert not list((tmp_path / "work dir").iterdir())

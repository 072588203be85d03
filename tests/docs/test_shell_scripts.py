"""./start.cmd, ./test.cmd and the scripts beside them: a shell can read them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "demo", "docker", "examples", "tests", "tools")


def _is_script(path: Path) -> bool:
    if not path.is_file():
        return False
    start = path.read_bytes()[:20]
    return path.suffix in (".sh", ".cmd") or start.startswith((b"#!/bin/sh", b"#!/bin/bash"))


FILES = [*ROOT.glob("*.cmd"), *(file for name in FOLDERS for file in (ROOT / name).rglob("*"))]
SCRIPTS = sorted(filter(_is_script, FILES))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_script_has_no_syntax_error(script: Path) -> None:
    """Such as the marks of a merge that was not finished."""
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_the_entrances_are_among_them() -> None:
    assert {"start.cmd", "test.cmd", "setup.sh"} <= {script.name for script in SCRIPTS}

"""The benchmarks work on the real cluster. Their figures are not judged here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cases import CASES
from benchmarks.endpoint import ROOT


def benchmarks(*words: str, cache: Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "benchmarks", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    with subprocess.Popen(argv, cwd=ROOT, env=environment, text=True, **pipes) as running:
        try:
            said = running.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGINT)  # it takes down what it started
            said = running.communicate(timeout=60)
            pytest.fail(f"not done in {timeout} s:\n{said[1]}")
    return subprocess.CompletedProcess(argv, running.returncode, *said)


@pytest.mark.timeout(700)
def test_every_case_runs_and_every_answer_is_right(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = benchmarks("--smoke", "--json", str(file), cache=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    lines = json.loads(file.read_text())["lines"]
    assert {line["case"] for line in lines} == set(CASES)
    assert all(line["values"] for line in lines)
    assert all(f"| {line['case']} " in done.stdout for line in lines)
    assert "peers: SKIPPED llama swap: llama-swap is missing" in done.stderr


def test_an_unknown_case_is_named_before_anything_starts(tmp_path: Path) -> None:
    done = benchmarks("warn", cache=tmp_path)
    assert done.returncode == 2
    assert "no case 'warn': there are warm, " in done.stderr
    assert "starting" not in done.stderr

"""What the nightly run consists of: too long for every commit, and one command each."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

_PYTEST = (sys.executable, "-m", "pytest")
_BENCHMARKS = (sys.executable, "-m", "benchmarks")
_BY_FILE = ("-n", "2", "--dist", "loadfile")


@dataclass(frozen=True)
class Part:
    what: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def parts(smoke: bool) -> dict[str, Part]:
    """By name, in the order of the run. For the smoke run so little of each that it takes a few
    minutes and only shows that the commands work."""
    one_file = "test_workflows.py" if smoke else ""
    few = ("--rate", "200", "--connections", "16", "--streams", "10", "--reloads", "2")
    return {
        "properties": Part(
            "property tests with 5,000 examples each",
            (*_PYTEST, "tests/unit", "-m", "hypothesis", "-n", "2", "--timeout", "3600", "-q"),
            {"HYPOTHESIS_PROFILE": "random" if smoke else "thorough"},
        ),
        "paramiko": Part(
            "all of tests/cluster on the paramiko backend",
            (*_PYTEST, f"tests/cluster/{one_file}", *_BY_FILE, "-q"),
            {"SSH_BACKEND": "paramiko"},
        ),
        "chaos": Part(
            "every incident under 2,000 requests/s",
            (sys.executable, "-m", "tests.chaos", *(few if smoke else ("--rate", "2000"))),
        ),
        "benchmarks": Part(
            "every benchmark against its bound",
            (
                sys.executable,
                "-m",
                "benchmarks",
                *(("warm", "--smoke") if smoke else ("--strict",)),
            ),
        ),
        "traces": Part(
            "both workflows against the recorded traces",
            (sys.executable, "-m", "tests.trace", "--compare"),
        ),
    }

"""Long files first. A long file that begins last keeps one worker busy while the others have
nothing left to do: most of the tests were done after 6 of 16 minutes.

How long each file takes is in durations.json, if a whole run was recorded there with
RECORD_DURATIONS=tests/durations.json. Other files count by the number of their tests and by what a
test of their directory usually takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

RECORD = Path(__file__).with_name("durations.json")
# Seconds of one test, where nothing is recorded.
USUAL = {
    "benchmarks": 10.0,
    "chaos": 15.0,
    "cluster": 8.0,
    "cluster_ssh": 1.0,
    "demo": 3.0,
    "docker": 20.0,
    "docs": 0.1,
    "gateway": 0.5,
    "local": 0.5,
    "start": 20.0,
    "unit": 0.01,
}
USUAL_ELSEWHERE = 10.0
SHORTEST = 1.0  # seconds; files below it are not recorded


def scope_of(node_id: str) -> str:
    """What one worker runs without a break: a file. All tests with Docker together, because the
    container's name is fixed: a second worker would only wait for the first."""
    file = node_id.partition("::")[0]
    return "tests/docker" if file.startswith("tests/docker/") else file


def longest(sizes: Mapping[str, int], recorded: Mapping[str, float]) -> str:
    """Of the scopes that are left, with their numbers of tests, the one to begin next."""
    return max(sizes, key=lambda scope: recorded.get(scope) or sizes[scope] * _usual(scope))


def _usual(scope: str) -> float:
    """Seconds of a test."""
    return next((USUAL[part] for part in scope.split("/") if part in USUAL), USUAL_ELSEWHERE)


def read_record() -> dict[str, float]:
    recorded: dict[str, float] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    return recorded


def write_record(file: Path, seconds: Mapping[str, float]) -> None:
    long = {scope: round(took) for scope, took in sorted(seconds.items()) if took >= SHORTEST}
    file.write_text(json.dumps(long, indent=1) + "\n")

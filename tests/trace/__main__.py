"""Record a run of the real thing and draw the sequence diagrams of docs/workflow.md from it.

    python -m tests.trace

As root; it takes half a minute. `--draw` only draws the recorded traces. `--compare` records, and
compares the steps with the recorded ones instead of replacing them: exit code 1 where they differ.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.chaos.__main__ import gateway
from tests.trace.draw import svg
from tests.trace.steps import Trace, differences, load, save
from tests.trace.workflows import record

DIAGRAMS = Path(__file__).resolve().parents[2] / "docs" / "diagrams"
NAMES = ("not-running", "running")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trace")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--draw", action="store_true", help="only draw the recorded traces")
    only.add_argument("--compare", action="store_true", help="compare with the recorded traces")
    chosen = parser.parse_args()
    if chosen.compare:
        return _compare()
    if not chosen.draw:
        for name, trace in _record().items():
            save(trace, DIAGRAMS / f"{name}.json")
    for name in NAMES:
        drawing = svg(load(DIAGRAMS / f"{name}.json"))
        (DIAGRAMS / f"{name}.svg").write_text(drawing, encoding="utf-8")
    return 0


def _record() -> dict[str, Trace]:
    print("starting a Slurm cluster of four hosts, and the gateway", flush=True)
    with gateway() as stack:
        print("asking twice, then waiting until the service is gone", flush=True)
        return dict(zip(NAMES, record(stack), strict=True))


def _compare() -> int:
    found: list[str] = []
    for name, trace in _record().items():
        recorded = load(DIAGRAMS / f"{name}.json")
        took, before = trace.steps[-1].at, recorded.steps[-1].at
        print(f"{name}: {len(trace.steps)} steps, {took:.2f} s; recorded: {before:.2f} s")
        found += [f"{name}: {difference}" for difference in differences(recorded, trace)]
    print("\n".join(found) or "the same steps as recorded")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Draw the sequence diagrams of docs/workflow.md from a run of the real thing.

    python -m tests.trace

As root; it takes half a minute. `--draw` only draws the traces anew that are there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.chaos.__main__ import gateway
from tests.trace.draw import svg
from tests.trace.steps import load, save
from tests.trace.workflows import record

DIAGRAMS = Path(__file__).resolve().parents[2] / "docs" / "diagrams"
NAMES = ("not-running", "running")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.trace")
    parser.add_argument("--draw", action="store_true", help="draw the recorded traces anew")
    if not parser.parse_args().draw:
        _record()
    for name in NAMES:
        drawing = svg(load(DIAGRAMS / f"{name}.json"))
        (DIAGRAMS / f"{name}.svg").write_text(drawing, encoding="utf-8")


def _record() -> None:
    print("starting a Slurm cluster of four hosts, and the gateway")
    with gateway() as stack:
        print("asking twice, then waiting until the service is gone")
        for name, trace in zip(NAMES, record(stack), strict=True):
            save(trace, DIAGRAMS / f"{name}.json")


if __name__ == "__main__":
    main()

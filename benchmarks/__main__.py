"""`python -m benchmarks [case…]`: measures the product beside its baselines, and prints a table."""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import machine
from benchmarks.bed import bed
from benchmarks.cases import CASES
from benchmarks.endpoint import Wrong
from benchmarks.results import Line, table
from benchmarks.scale import SMOKE, Scale
from demo.spec import DemoError


def main(argv: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(argv)
    if os.geteuid() != 0:
        print("error: the cluster's network namespaces need root: use sudo", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleaned up after, like Ctrl-C
    _allow_many_files()
    scale = SMOKE if chosen.smoke else Scale()
    if chosen.rounds:
        scale = replace(scale, rounds=chosen.rounds, stream_rounds=chosen.rounds)
    try:
        lines = _measure(chosen.cases or list(CASES), scale, chosen.json)
    except (Wrong, DemoError, AssertionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    missed = [line for line in lines if line.verdict == "missed"]
    if chosen.strict and missed:
        print(f"error: {len(missed)} of {len(lines)} lines missed their bounds", file=sys.stderr)
        return 1
    return 0 if lines else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Brings up a demo cluster and a gateway, measures each case together with its "
        "baseline in the same rounds, and prints a table of ratios. Every answer is checked: a "
        "wrong one ends the run with exit code 1. A missed bound changes the exit code only with "
        "--strict. Needs root, wrk, and a machine with nothing else to do; all cases take about "
        "50 minutes.",
    )
    parser.add_argument(
        "cases", nargs="*", metavar="case", type=_case, help=f"default: {', '.join(CASES)}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every value there")
    parser.add_argument("--rounds", type=int, metavar="N", help="default: 5, and 3 of the streams")
    parser.add_argument("--strict", action="store_true", help="exit code 1 if a bound is missed")
    parser.add_argument("--smoke", action="store_true", help="see that it works: no figures")
    parser.epilog = "Ends with exit code 2 where it cannot begin."
    return parser


def _case(name: str) -> str:
    if name not in CASES:
        raise argparse.ArgumentTypeError(f"no case {name!r}: there are {', '.join(CASES)}")
    return name


def _measure(cases: Sequence[str], scale: Scale, file: Path | None) -> list[Line]:
    lines: list[Line] = []
    try:
        with bed(_say) as here:
            for case in cases:
                lines += CASES[case](here, scale)
                _write(lines, file)
    finally:
        if lines:
            print(f"\n{machine.words()}\n\n{table(lines)}")
    return lines


def _write(lines: Sequence[Line], file: Path | None) -> None:
    """After each case: what a later one's failure would lose."""
    if file:
        content = {"machine": machine.facts(), "lines": [line.to_json() for line in lines]}
        file.write_text(json.dumps(content, indent=1) + "\n")


def _allow_many_files() -> None:
    """A thousand streams are as many descriptors, in ssh and in the loads, which inherit this."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _say(text: str) -> None:
    print(f"• {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

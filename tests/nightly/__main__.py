"""The nightly run: `./test.cmd --nightly`."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.nightly.parts import parts
from tests.nightly.runner import Runner

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / ".nightly"


def main(argv: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleaned up after, like Ctrl-C
    runner = Runner(RECORD, _commit())
    known = parts(chosen.smoke)
    names = chosen.parts or list(known)
    if chosen.resume:
        names = [name for name in names if not runner.has_passed(name)]
    os.chdir(ROOT)
    try:
        passed = runner.run({name: known[name] for name in names})
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0 if passed else 1


def _parser() -> argparse.ArgumentParser:
    known = parts(smoke=False)
    parser = argparse.ArgumentParser(
        prog="./test.cmd --nightly",
        description="Tests that take too long for every commit, one part after the other; a "
        "failed part does not stop the next one. Ends with one line per part, and with exit code "
        "1 where one failed. Each part's output is also in .nightly/PART.log.",
        epilog="parts: " + "; ".join(f"{name}: {part.what}" for name, part in known.items()),
    )
    parser.add_argument("parts", nargs="*", metavar="PART", type=_part, help="default: all")
    parser.add_argument(
        "--resume", action="store_true", help="leave out the parts that passed at this commit"
    )
    parser.add_argument("--smoke", action="store_true", help="a little of each part")
    return parser


def _part(name: str) -> str:
    known = parts(smoke=False)
    if name not in known:
        raise argparse.ArgumentTypeError(f"no part {name!r}; there are {', '.join(known)}")
    return name


def _commit() -> str:
    """With `-dirty` where files were changed since, which is never equal to another run's."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())

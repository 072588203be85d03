"""Starts nginx for a process supervisor, also after a master that was killed.

A master ended by SIGKILL leaves its workers behind, with the listening sockets: the next
master could not bind. They are told to take no more, and to finish what they have.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from service_management.gateway.processes import every, is_here, parent, title


def command(error_log: Path, argv: Sequence[str]) -> tuple[str, ...]:
    """What the supervisor runs: this module first, nginx in its place then."""
    return (sys.executable, "-m", __name__, str(error_log), *argv)


def orphans(error_log: Path) -> list[int]:
    """Processes of an nginx that writes this log and has no master any more."""
    return [pid for pid in every() if _is_orphan(pid, error_log)]


def _is_orphan(pid: int, error_log: Path) -> bool:
    # A worker has no arguments and no environment left to know it by, but it has its log open.
    if not title(pid).startswith("nginx: ") or title(parent(pid)).startswith("nginx: "):
        return False
    if title(pid).startswith("nginx: master") or not is_here(pid):
        return False
    return _has_open(pid, error_log)


def _has_open(pid: int, file: Path) -> bool:
    try:
        return any(_leads_to(link, file) for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def _leads_to(link: Path, file: Path) -> bool:
    try:
        return link.readlink() == file
    except OSError:
        return False


def main() -> None:
    error_log, *argv = sys.argv[1:]
    for pid in orphans(Path(error_log).resolve()):
        try:
            os.kill(pid, signal.SIGQUIT)
        except ProcessLookupError:
            continue  # it had nothing left to do
    os.execv(argv[0], argv)  # noqa: S606 - the supervisor's own command, no shell


if __name__ == "__main__":
    main()

"""Starts nginx for a process supervisor, also after its master was killed.

A master that is ended by SIGKILL leaves its workers behind. They keep the listening sockets, so the
next master could not bind. They get SIGQUIT: they finish their requests and accept no more.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from service_management.gateway.process_table import has_open, local_pids, parent, title


def command(error_log: Path, argv: Sequence[str]) -> tuple[str, ...]:
    """The supervisor runs this module, which then replaces itself by nginx."""
    return (sys.executable, "-m", __name__, str(error_log), *argv)


def orphans(error_log: Path) -> list[int]:
    """Workers that write this log and whose master has died."""
    return [pid for pid in local_pids() if _is_orphan(pid, error_log)]


def _is_orphan(pid: int, error_log: Path) -> bool:
    name = title(pid)
    if not name.startswith("nginx: ") or name.startswith("nginx: master"):
        return False
    if title(parent(pid)).startswith("nginx: "):
        return False
    # A worker keeps neither arguments nor environment to identify it by, but it has its log open.
    return has_open(pid, error_log)


def main() -> None:
    error_log, *argv = sys.argv[1:]
    for pid in orphans(Path(error_log).resolve()):
        try:
            os.kill(pid, signal.SIGQUIT)
        except ProcessLookupError:
            continue  # it has ended meanwhile
    os.execv(argv[0], argv)  # noqa: S606 - the supervisor's own command, no shell


if __name__ == "__main__":
    main()

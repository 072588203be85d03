"""Processes of this machine that can belong to this gateway, read with psutil.

Processes in containers are left out: their host sees them too, with the same names and paths, but
they belong to another gateway.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil


def local_pids() -> Iterator[int]:
    return (pid for pid in psutil.pids() if not _in_container(pid))


def title(pid: int) -> str:
    """The command line, its words joined by blanks; empty if the process has ended."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except (psutil.Error, OSError):
        return ""


def parent(pid: int) -> int:
    """0 if the process has ended."""
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return 0


def children(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def has_open(pid: int, file: Path) -> bool:
    try:
        return any(found.path == str(file) for found in psutil.Process(pid).open_files())
    except (psutil.Error, OSError):
        return False


def is_running(pid: int) -> bool:
    """A zombie has ended: it only waits for its parent to notice."""
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False


def pid_in_file(file: Path, word: str = "") -> int | None:
    """The process that a pid file names, if it runs and its command line contains `word`."""
    try:
        pid = int(file.read_text())
    except (OSError, ValueError):
        return None
    runs = word in title(pid) and is_running(pid) and not _in_container(pid)
    return pid if runs else None


def listeners(port: int) -> list[int]:
    """Processes that listen at a TCP port, as far as this user may see them."""
    pids = {
        found.pid
        for found in psutil.net_connections("tcp")
        if found.status == psutil.CONN_LISTEN
        and found.pid
        and found.laddr
        and found.laddr.port == port
    }
    return sorted(pids)


def socket_users(place: Path) -> list[int]:
    """Processes that listen at this unix socket, or have accepted a connection at it."""
    found = psutil.net_connections("unix")
    return sorted({one.pid for one in found if str(one.laddr) == str(place) and one.pid})


def _in_container(pid: int) -> bool:
    """The kernel lists a pid for each nested namespace (`NSpid`), which psutil does not read."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return True  # it has ended
    levels = [line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")]
    return any(len(numbers) > 1 for numbers in levels)

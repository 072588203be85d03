"""What a gateway consists of while it runs, and what that takes of the machine."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

LOAD, ELSEWHERE = "load", "on the cluster"
_TICKS = os.sysconf("SC_CLK_TCK")


def processes_of(run_dir: Path) -> dict[int, str]:
    """Those whose command names the run directory, and their children: pid → program."""
    commands = {int(entry.name): _command(entry) for entry in Path("/proc").glob("[0-9]*")}
    found = {pid for pid, words in commands.items() if str(run_dir) in words}
    found |= {pid for pid in commands if _parent(pid) in found}
    found |= {pid for pid in commands if _parent(pid) in found}
    found.discard(os.getpid())
    return {pid: _program(commands[pid]) for pid in found if commands[pid]}


def _command(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def _program(command: str) -> str:
    known = ("gunicorn", "supervisord", "nginx: master", "nginx: worker", "ssh")
    return next((name for name in known if name in command), command.split(maxsplit=1)[0])


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(pids: Iterable[int]) -> float:
    """Used so far, by them and by those of their children that ended."""
    return sum(sum(map(int, fields[11:15])) for pid in pids if (fields := _stat(pid))) / _TICKS


def cpu_by_process() -> dict[int, float]:
    """Seconds used so far, of every process of this machine."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return {pid: cpu_seconds([pid]) for pid in pids}


def by_program(used: Mapping[int, float]) -> dict[str, float]:
    """CPU seconds per program. This process, whose children are the load, and the processes of
    other hosts (network namespaces) have their own names."""
    programs: dict[str, float] = defaultdict(float)
    for pid, seconds in used.items():
        entry = Path(f"/proc/{pid}")
        programs[_place(entry) or _program(_command(entry) or "kernel")] += seconds
    return programs


def _place(entry: Path) -> str:
    if int(entry.name) == os.getpid():
        return LOAD
    try:
        here = (entry / "ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    except OSError:
        return ""
    return "" if here else ELSEWHERE


def resident(pid: int) -> float:
    """MB; nothing for a process that is gone."""
    fields = _stat(pid)
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6 if fields else 0.0


class MemoryWatch:
    """How much each process grows while something is done; looks ten times a second."""

    def __init__(self, processes: Mapping[int, str]) -> None:
        self._processes = processes
        self._before = {pid: resident(pid) for pid in processes}
        self._highest = dict(self._before)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            for pid in self._processes:
                self._highest[pid] = max(self._highest[pid], resident(pid))

    def most(self) -> tuple[str, float]:
        """The program that grew most, and by how many MB."""
        grown = {pid: self._highest[pid] - self._before[pid] for pid in self._processes}
        pid = max(grown, key=lambda each: grown[each])
        return self._processes[pid], grown[pid]

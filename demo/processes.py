"""Daemons as (pid, start time): a recycled pid is never taken for the process that had it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from demo.spec import write_atomically

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a cluster runs as root; an administrator's shell may have its SLURM_CONF too, and stays.
DAEMON_NAMES = ("munged", "slurmctld", "slurmd", "slurmstepd", "slurmscriptd", "sshd")


@dataclass(frozen=True)
class Process:
    pid: int
    started: int  # clock ticks since boot
    boot: str


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def stat_fields(pid: int) -> list[str]:
    """/proc/PID/stat after the command's name: state, parent, ...; empty where it is gone.

    The kernel cuts the name at 15 bytes, also in the middle of a character."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def identify(pid: int) -> Process | None:
    fields = stat_fields(pid)
    if not fields or fields[0] in "ZX":
        return None
    return Process(pid, int(fields[19]), boot_id())


def alive(process: Process | None) -> bool:
    if process is None:
        return False
    # Daemons are children of the `up` that started them: without this a dead one stays a zombie.
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return identify(process.pid) == process


def spawn(argv: Sequence[str], log: Path, environment: Mapping[str, str]) -> Process:
    """Start a daemon in a session of its own, so that the terminal's Ctrl-C does not reach it."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        pid = os.posix_spawnp(
            argv[0],
            list(argv),
            {"PATH": PATH, **environment},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, out, 1),
                (os.POSIX_SPAWN_DUP2, out, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGPIPE],  # Python ignores it, and its children would too
        )
    finally:
        os.close(out)
    return identify(pid) or Process(pid, 0, "")


def send(processes: Iterable[Process], number: signal.Signals) -> None:
    for process in processes:
        if alive(process):
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)


def end(processes: Iterable[Process], grace: float) -> None:
    """SIGTERM, then SIGKILL after `grace` seconds; returns when all are gone."""
    wanted = list(processes)
    send(wanted, signal.SIGCONT)
    send(wanted, signal.SIGTERM)
    if not wait_until(lambda: not any(map(alive, wanted)), grace):
        end_now(wanted)


def end_now(wanted: Iterable[Process]) -> None:
    gone = list(wanted)
    send(gone, signal.SIGKILL)
    wait_until(lambda: not any(map(alive, gone)), 5)


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def wait_until(predicate: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def matching(predicate: Callable[[int], bool]) -> list[Process]:
    """Of this machine: a container's processes may have the same user number and the same
    SLURM_CONF, and belong to another cluster."""
    found = []
    for pid in filter(_is_here, pids()):
        # Taken before the look at it, so that a pid recycled meanwhile is not what was looked at.
        process = identify(pid)
        with suppress(OSError):
            if process is not None and predicate(pid):
                found.append(process)
    return found


def _is_here(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/ns/pid").readlink() == Path("/proc/self/ns/pid").readlink()
    return False


def in_network_of(holder: Process) -> list[Process]:
    """Every process in the holder's network namespace, except the holder itself."""
    space = Path(f"/proc/{holder.pid}/ns/net").readlink()
    return matching(
        lambda pid: pid != holder.pid and Path(f"/proc/{pid}/ns/net").readlink() == space
    )


def of_user(uid: int) -> list[Process]:
    return matching(lambda pid: Path(f"/proc/{pid}").stat().st_uid == uid)


def daemons_of(slurm_conf: Path) -> list[Process]:
    """Also those that are not in processes.json: slurmstepd, and orphans."""
    mark = f"SLURM_CONF={slurm_conf}".encode()
    return matching(
        lambda pid: (
            command(pid) in DAEMON_NAMES
            and mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        )
    )


def descendants(roots: Iterable[Process]) -> list[Process]:
    parents = {pid: int(fields[1]) for pid in pids() if (fields := stat_fields(pid))}
    family = {root.pid for root in roots}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return [process for pid in family if (process := identify(pid)) is not None]


class Table:
    """The daemons of one cluster by name, kept in DIR/processes.json."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "processes.json"
        self._entries: dict[str, Process] = {}
        with suppress(FileNotFoundError, ValueError):
            content = json.loads(self._path.read_text())
            self._entries = {name: Process(**entry) for name, entry in content.items()}

    def get(self, name: str) -> Process | None:
        process = self._entries.get(name)
        return process if alive(process) else None

    def put(self, name: str, process: Process) -> None:
        self._entries[name] = process
        content = {key: asdict(entry) for key, entry in self._entries.items()}
        write_atomically(self._path, json.dumps(content, indent=2))

    def living(self, prefix: str = "") -> dict[str, Process]:
        return {
            name: process
            for name, process in self._entries.items()
            if name.startswith(prefix) and alive(process)
        }

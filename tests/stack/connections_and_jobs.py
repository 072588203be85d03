"""What must be the same after an incident: ssh masters, their forwards, jobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.stack.ssh import masters
from tests.stack.stack import Stack

_LISTENING = "01"
_SAME = ("masters", "forwards", "jobs")


@dataclass(frozen=True)
class ConnectionsAndJobs:
    masters: dict[str, int]  # login → process
    forwards: dict[str, str]  # path of the tunnel's socket → inode
    jobs: set[str]
    submitted: set[str]  # names; Slurm forgets the old ones

    def changes_since(self, before: ConnectionsAndJobs) -> list[str]:
        pairs = ((name, getattr(before, name), getattr(self, name)) for name in _SAME)
        changed = [f"{name}: {was} became {now}" for name, was, now in pairs if was != now]
        return changed + [f"submitted: {name}" for name in self.submitted - before.submitted]


def connections_and_jobs(stack: Stack) -> ConnectionsAndJobs:
    jobs = {str(job["id"]) for job in stack.jobs()}
    names = {name for name in stack.submitted_names() if name.startswith(f"{stack.identity}.")}
    return ConnectionsAndJobs(masters(stack), _forwards(stack), jobs, names)


def _sockets() -> str:
    """Of every program on this machine: their names need not be UTF-8."""
    return Path("/proc/net/unix").read_text(errors="replace")


def _forwards(stack: Stack) -> dict[str, str]:
    lines = [line.split() for line in _sockets().splitlines()]
    below = str(stack.run_dir / "tunnels")
    listening = [line for line in lines if len(line) == 8 and line[5] == _LISTENING]
    return {line[7]: line[6] for line in listening if line[7].startswith(below)}

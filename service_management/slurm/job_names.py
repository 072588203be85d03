"""A job's unique name, written down before sbatch runs: by it the job is found after a crash.

`squeue` shows the name to every user of the cluster, so it does not contain the service's port:
another user could listen there before the job does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = r"[A-Za-z0-9_-]+"
_PREFIX, _NONCE = re.compile(_WORD), re.compile(_WORD)
# Only the route may contain dots. The "s" tells the two forms apart, whatever the route is.
_NAME = re.compile(rf"({_WORD})\.(.+)\.s([0-9]+)\.({_WORD})", re.DOTALL)
# As names were until 0.1.0: jobs that run under one are still recognized.
_OLD_NAME = re.compile(rf"({_WORD})\.(.+)\.([0-9]+)\.([0-9]+)\.({_WORD})", re.DOTALL)


@dataclass(frozen=True)
class JobName:
    """The parts of a job's name. `str()` is the name."""

    prefix: str  # of one orchestrator: all its jobs have it
    route: str
    slot: int
    nonce: str
    port: int | None = None  # only in the old form

    def __str__(self) -> str:
        if self.port is None:
            return f"{self.prefix}.{self.route}.s{self.slot}.{self.nonce}"
        return f"{self.prefix}.{self.route}.{self.slot}.{self.port}.{self.nonce}"


def job_name(prefix: str, route: str, slot: int, nonce: str) -> str:
    """Other characters in prefix and nonce would not be read back as they were."""
    if not _PREFIX.fullmatch(prefix) or not _NONCE.fullmatch(nonce):
        raise ValueError(f"prefix {prefix!r} and nonce {nonce!r}: letters, digits, _ and - only")
    return str(JobName(prefix, route, slot, nonce))


def parse_job_name(name: str) -> JobName | None:
    """None for a job that is not an orchestrator's."""
    if found := _NAME.fullmatch(name):
        return JobName(found[1], found[2], int(found[3]), found[4])
    if old := _OLD_NAME.fullmatch(name):
        return JobName(old[1], old[2], int(old[3]), old[5], int(old[4]))
    return None

"""A job's unique name, written down before sbatch runs: how it is found again after a crash."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PREFIX = re.compile(r"[A-Za-z0-9_-]+")
_NONCE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class JobName:
    """What a job's name says of it. `str()` is the name."""

    prefix: str  # whose jobs these are: one per orchestrator
    route: str
    slot: int
    port: int
    nonce: str

    def __str__(self) -> str:
        return f"{self.prefix}.{self.route}.{self.slot}.{self.port}.{self.nonce}"


def job_name(prefix: str, route: str, slot: int, port: int, nonce: str) -> str:
    """Only the route may contain dots; anything else would not be read back as it was."""
    if not _PREFIX.fullmatch(prefix) or not _NONCE.fullmatch(nonce):
        raise ValueError(f"prefix {prefix!r} and nonce {nonce!r}: letters, digits, _ and - only")
    return str(JobName(prefix, route, slot, port, nonce))


def parse_job_name(name: str) -> JobName | None:
    """None for a job that is not an orchestrator's."""
    parts = name.rsplit(".", 3)
    if len(parts) != 4:
        return None
    head, slot, port, nonce = parts
    prefix, dot, route = head.partition(".")
    numbers = (slot + port).isascii() and slot.isdigit() and port.isdigit()
    if not (dot and route and numbers and _PREFIX.fullmatch(prefix) and _NONCE.fullmatch(nonce)):
        return None
    return JobName(prefix, route, int(slot), int(port), nonce)

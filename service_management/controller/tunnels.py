"""Where a job's two sockets are. Derived from its unique name, so never reused by another job.

Clients' requests go through the one, health checks and quiet paths through the other:
what is connected to the first is in flight, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from service_management.lifecycle.record import Job


@dataclass(frozen=True)
class Sockets:
    main: Path
    quiet: Path


def sockets(run_dir: Path, job: Job) -> Sockets:
    nonce = job.name.rsplit(".", 1)[-1]
    base = run_dir / "tunnels"
    return Sockets(base / f"{nonce}.sock", base / f"{nonce}.quiet.sock")

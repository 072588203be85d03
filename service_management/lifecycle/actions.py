"""What a decision asks of the world.

Only `Submit` is an edge: it is returned once, by the decision that wrote the intent.
Everything else is a duty, derived from the record alone, and so is asked for again at
every tick until the record says otherwise: an action that got lost costs a tick.
"""

from __future__ import annotations

from dataclasses import dataclass

from service_management.lifecycle.record import Job, Record
from service_management.lifecycle.states import State


@dataclass(frozen=True)
class Submit:
    job: Job


@dataclass(frozen=True)
class Find:
    """Ask Slurm for a job of which only the name is known."""

    job: Job


@dataclass(frozen=True)
class Tunnel:
    """Lead the job's sockets to its node."""

    job: Job


@dataclass(frozen=True)
class Probe:
    """Ask the health path, through the tunnel."""

    job: Job


@dataclass(frozen=True)
class Cancel:
    job: Job


Action = Submit | Find | Tunnel | Probe | Cancel


def duties(record: Record) -> tuple[Action, ...]:
    """What is owed for as long as the record stays as it is."""
    job = record.job
    if job is None:
        return ()
    if not job.job_id:
        return (Find(job),)
    if record.state is State.DRAINING:
        return (Cancel(job),) if job.cancelled else (Tunnel(job),)
    if record.state in (State.STARTING, State.READY) and job.node:
        return (Tunnel(job), Probe(job))
    return ()


def routed(record: Record) -> bool:
    """Routed means healthy: exactly the ready ones are published."""
    return record.state is State.READY

"""What is to be done about a service's job.

A `Submit` is returned once, by the decision that wrote the intent. All other actions follow from
the record alone and are asked for again until the record says otherwise: an action that was lost
costs a tick, and nothing has to be remembered while it cannot be carried out.
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
    """Open the tunnels from the job's sockets to its node."""

    job: Job


@dataclass(frozen=True)
class Probe:
    """Request the health path through the tunnel."""

    job: Job
    port_holder: str = ""  # the service whose job has this one's port: then nothing is requested


@dataclass(frozen=True)
class Cancel:
    job: Job


Action = Submit | Find | Tunnel | Probe | Cancel


def required_actions(record: Record) -> tuple[Action, ...]:
    """To be repeated for as long as the record stays as it is."""
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
    """Exactly the ready services are published: what is routed is healthy."""
    return record.state is State.READY

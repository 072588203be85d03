"""What is to be done about a replica's job.

A `Submit` is returned once, by the plan that wrote the intent. All other actions follow from
the replica alone and are asked for again until it says otherwise: an action that was lost costs a
tick, and nothing has to be remembered while it cannot be carried out.
"""

from __future__ import annotations

from dataclasses import dataclass

from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase


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


def required_actions(replica: Replica) -> tuple[Action, ...]:
    """To be repeated for as long as the replica stays as it is."""
    job = replica.job
    if not job.job_id:
        return (Find(job),)
    if not replica.live:
        return (Cancel(job),) if replica.cancelled else (Tunnel(job),)
    if replica.phase is not Phase.QUEUED and job.node:
        return (Tunnel(job), Probe(job))
    return ()

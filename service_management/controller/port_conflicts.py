"""Jobs with one fixed port on one node: of two services, or two replicas of one.

Whichever process began first has the port. A health check for the other job would be answered by
it, and its requests would go there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from service_management.controller.job_spec import spec_of
from service_management.lifecycle.actions import Action, Probe, Tunnel
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import Phase


def port_holders(replicas: Iterable[Replica]) -> dict[str, str]:
    """Job name → route of the service whose job has its port. Two login nodes of one cluster count
    as two clusters: that they share their nodes cannot be known."""
    holders: dict[tuple[str, str, int], Replica] = {}
    held: dict[str, str] = {}
    for replica in sorted(replicas, key=_seniority):
        job = replica.job
        if not job.node:
            continue
        holder = holders.setdefault((spec_of(job).login.host, job.node, job.port), replica)
        if holder is not replica:
            held[job.name] = holder.route
    return held


def _seniority(replica: Replica) -> tuple[bool, float, float]:
    """What serves stays: a control plane that starts again must not turn two services around."""
    job, serves = replica.job, replica.phase in (Phase.READY, Phase.DRAINING)
    started = math.inf if job.started_at is None else job.started_at
    return not serves, started, job.intended_at


def without_tunnel(actions: Iterable[Action], holder: str) -> tuple[Action, ...]:
    """Of a job whose port is another's: it is watched as one that cannot become healthy."""
    return tuple(
        replace(action, port_holder=holder) if isinstance(action, Probe) else action
        for action in actions
        if not isinstance(action, Tunnel)
    )

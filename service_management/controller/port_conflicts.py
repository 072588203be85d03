"""Jobs of two services with one fixed port, on one node.

Whichever process began first has the port. A health check for the other job would be answered by
it, and its requests would go there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from service_management.controller.job_spec import spec_of
from service_management.lifecycle.actions import Action, Probe, Tunnel
from service_management.lifecycle.record import Record
from service_management.lifecycle.states import State


def port_holders(records: Iterable[Record]) -> dict[str, str]:
    """Route → route of the service that has its port. Two login nodes of one cluster count as two
    clusters: that they share their nodes cannot be known."""
    holders: dict[tuple[str, str, int], str] = {}
    held: dict[str, str] = {}
    for record in sorted(records, key=_seniority):
        job = record.job
        if job is None or not job.node:
            continue
        place = (spec_of(job).login.host, job.node, job.port)
        holder = holders.setdefault(place, record.route)
        if holder != record.route:
            held[record.route] = holder
    return held


def _seniority(record: Record) -> tuple[bool, float, float]:
    """What serves stays: a control plane that starts again must not turn two services around."""
    job, serves = record.job, record.state in (State.READY, State.DRAINING)
    started = job.started_at if job and job.started_at is not None else math.inf
    return not serves, started, job.intended_at if job else math.inf


def without_tunnel(actions: Iterable[Action], holder: str) -> tuple[Action, ...]:
    """Of a job whose port is another's: it is watched as one that cannot become healthy."""
    return tuple(
        replace(action, port_holder=holder) if isinstance(action, Probe) else action
        for action in actions
        if not isinstance(action, Tunnel)
    )

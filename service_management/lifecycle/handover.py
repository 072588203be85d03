"""From one replica to its successor, without a request lost.

A replica that is restarted, runs with an old entry, is about to reach its walltime, or is to lose
its node is *retiring*: it does not count, so the planner starts another. It serves until that one
is ready.
"""

from __future__ import annotations

from dataclasses import replace
from math import isinf

from service_management.lifecycle.decision import Context
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.start_phases import usual
from service_management.lifecycle.states import Phase, Reason

# A successor that is still queued after this time may be waiting for the GPUs of the old one.
PATIENCE = 60.0
UNKNOWN_START = 120.0  # seconds from the submission of a job to readiness, before the first
MARGIN = 60.0
EARLY_BY = 5.0  # seconds: Slurm's own rounding is no early end
# Before its walltime is over a replica gets no new requests, for as long as its longest usually
# take: those in flight need time to end.
LAST_REQUESTS = 30.0  # where that is not known
SHORTEST_LAST_REQUESTS = 5.0  # a request may come in, and its answer go out, a little late


def begun(record: ServiceRecord, wanted: int, context: Context) -> ServiceRecord:
    """Replicas that are about to end are replaced, as long as any are wanted."""
    record = record.with_replicas(*map(_stays, filter(_was_draining, record.replicas)))
    if not wanted:
        return record
    start = _usual_start(record) if context.policy.own_ports else 0.0
    ending = (
        replace(one, retiring=why)
        for one in record.ready
        if one.counts and (why := _ends_soon(one, start, context))
    )
    return record.with_replicas(*ending)


def _ends_soon(replica: Replica, start: float, context: Context) -> Reason:
    """Slurm puts no job on a node that is being drained, so its successor has its port, too."""
    if replica.job.draining:
        return Reason.NODE_DRAINING
    if _left(replica, context) >= _lead(replica, start, context):
        return Reason.NONE
    return Reason.ENDING_EARLY if _is_early(replica.job) else Reason.EXPIRING


def _is_early(job: Job) -> bool:
    if job.end_time is None or job.walltime_end is None:
        return False
    return job.end_time < job.walltime_end - EARLY_BY


def _was_draining(replica: Replica) -> bool:
    return replica.retiring is Reason.NODE_DRAINING and not replica.job.draining


def _stays(replica: Replica) -> Replica:
    return replace(replica, retiring=Reason.NONE)


def over(record: ServiceRecord, wanted: int, context: Context) -> list[Replica]:
    """The retiring ones that have served long enough."""
    retiring = [one for one in record.replicas if one.live and one.retiring]
    serving = [one for one in retiring if one.phase is Phase.READY]
    if not wanted or not retiring:
        return retiring
    ready = sum(one.counts for one in record.ready)
    replaced = serving[: max(0, ready + len(serving) - wanted)]
    # What a job on a draining node has, no other job would get.
    useful = [one for one in serving[len(replaced) :] if not one.job.draining]
    in_the_way = useful[:1] if _is_stuck(record, context) else []
    ending = [one for one in serving if _left(one, context) < _last_requests(one, context)]
    done = [*(one for one in retiring if one not in serving), *replaced, *in_the_way, *ending]
    return [one for one in retiring if one in done]


def _is_stuck(record: ServiceRecord, context: Context) -> bool:
    """One gives way at a time."""
    waiting = any(
        one.counts and one.phase is Phase.QUEUED and context.now - one.since >= PATIENCE
        for one in record.replicas
    )
    return waiting and all(one.live or one.job.ending for one in record.replicas)


def _left(replica: Replica, context: Context) -> float:
    """Seconds of its walltime."""
    end = replica.job.end_time
    return float("inf") if end is None else end - context.wall


def _lead(replica: Replica, start: float, context: Context) -> float:
    """At most half of the whole walltime, or a short one would be all hand-over."""
    return min(_last_requests(replica, context) + start, _walltime(replica) / 2)


def _last_requests(replica: Replica, context: Context) -> float:
    """At most a quarter of the walltime, so that as much is left of the lead for the successor's
    start; half of that for a guess."""
    longest, walltime = context.longest_request, _walltime(replica)
    if longest is None or isinf(walltime):
        return min(LAST_REQUESTS, walltime / 8)
    return min(max(longest, SHORTEST_LAST_REQUESTS), walltime / 4)


def _walltime(replica: Replica) -> float:
    job = replica.job
    begun_at, end = job.estimated_start, job.walltime_end or job.end_time
    return float("inf") if begun_at is None or end is None else end - begun_at


def _usual_start(record: ServiceRecord) -> float:
    took = usual(record)
    queue, load = took["queue"], took["load"]
    if queue is None or load is None:
        return UNKNOWN_START
    return (queue + load) * 1.5 + MARGIN

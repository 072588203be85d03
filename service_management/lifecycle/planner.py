"""The one place that says how many replicas a service has: it compares what is wanted with what
there is, once per service and pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from service_management.lifecycle import handover
from service_management.lifecycle.activity import Seen, may_be_cancelled, observed
from service_management.lifecycle.decision import Context
from service_management.lifecycle.policy import in_use, served_long
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.scaling import Capacity
from service_management.lifecycle.states import Phase, Reason

FreshJob = Callable[[int], Job | None]  # for a slot; None: none may be submitted now


@dataclass(frozen=True)
class Plan:
    """Slots."""

    start: tuple[int, ...] = ()
    keep: tuple[int, ...] = ()  # ending, and wanted again
    retire: tuple[int, ...] = ()
    cancel: tuple[int, ...] = ()


def planned(
    record: ServiceRecord, seen: Seen | None, context: Context, fresh: FreshJob
) -> ServiceRecord:
    """The record after this pass. Without a new look, nothing is ended."""
    if seen is not None:
        record = observed(record, seen, context)
    record = handover.begun(record, wanted_replicas(record, context), context)
    return carried_out(record, plan(record, seen, context), context, fresh)


def plan(record: ServiceRecord, seen: Seen | None, context: Context) -> Plan:
    """In this order: one that ends and may serve again is cheaper than a new job; a successor is
    started before what it replaces ends."""
    wanted = wanted_replicas(record, context)
    counted = [one for one in record.replicas if one.counts]
    cancel = [one for one in record.replicas if seen and may_be_cancelled(one, seen, context)]
    surplus = _least_useful_first(counted, seen)[: max(0, len(counted) - wanted)]
    missing = max(0, wanted - len(counted))
    keep = [one for one in record.replicas if _reopens(one) and one not in cancel][:missing]
    start = _free_slots(record, context)[: max(0, _startable(record, missing, context) - len(keep))]
    return Plan(
        tuple(start) if context.now >= record.retry_at else (),
        _slots(keep),
        _slots([*surplus, *handover.over(record, wanted, context)]),
        _slots(cancel),
    )


def _slots(replicas: Iterable[Replica]) -> tuple[int, ...]:
    return tuple(one.slot for one in replicas)


def wanted_replicas(record: ServiceRecord, context: Context) -> int:
    if not in_use(record, context.policy):
        return 0
    by_load = context.scaling.wanted if context.scaling else 0
    return max(context.policy.min_replicas, int(record.demand), by_load)


def _startable(record: ServiceRecord, missing: int, context: Context) -> int:
    if context.scaling is None:
        return missing
    return min(missing, context.scaling.submissions(capacity(record)))


def capacity(record: ServiceRecord) -> Capacity:
    """Of those that count: in the place of a retiring one there is its successor."""
    phases = Counter(one.phase for one in record.replicas if one.counts)
    return Capacity(phases[Phase.READY], phases[Phase.STARTING], phases[Phase.QUEUED])


def _least_useful_first(replicas: Iterable[Replica], seen: Seen | None) -> list[Replica]:
    """Of ready ones that which answers the fewest requests: it is gone the soonest."""
    order = (Phase.QUEUED, Phase.STARTING, Phase.READY)
    inflight = seen.inflight if seen else {}
    return sorted(
        replicas,
        key=lambda one: (order.index(one.phase), inflight.get(one.slot) or 0, -one.since),
    )


def _reopens(replica: Replica) -> bool:
    """Demand that arrives while draining wins, as long as the job is not being cancelled."""
    unneeded = replica.reason in (Reason.IDLE, Reason.QUEUE_TIMEOUT)
    return not replica.live and unneeded and not replica.cancelled and not replica.job.ending


def _free_slots(record: ServiceRecord, context: Context) -> list[int]:
    """For the jobs that may be there beside those that are: one more while one is replaced."""
    taken = {one.slot for one in record.replicas}
    there = [one for one in record.replicas if _is_there(one, context.now)]
    most = context.policy.max_replicas + any(one.live and one.retiring for one in record.replicas)
    room = max(0, most - len(there))
    return [slot for slot in range(len(taken) + room) if slot not in taken][:room]


def _is_there(replica: Replica, now: float) -> bool:
    """One that Slurm only cleans up after is not, however long that takes; but what has just failed
    must first be known as a failure, for the back-off."""
    if not replica.job.ending:
        return True
    by_itself = replica.reason in (Reason.ENDED, Reason.STARTUP_TIMEOUT)
    return by_itself and not served_long(replica, now)


def carried_out(
    record: ServiceRecord, plan: Plan, context: Context, fresh: FreshJob
) -> ServiceRecord:
    by_slot = {one.slot: one for one in record.replicas}
    record = record.with_replicas(
        *(_retired(by_slot[slot], context.now) for slot in plan.retire),
        *(_reopened(by_slot[slot], context.now) for slot in plan.keep),
        *(replace(by_slot[slot], cancelled=True) for slot in plan.cancel),
    )
    for slot in plan.start:
        if (job := fresh(slot)) is not None:
            record = _started(record, slot, _apart(job, record, context), context.now)
    return replace(record, asked_by="") if plan.keep else record


def _retired(replica: Replica, now: float) -> Replica:
    queued = replica.phase is Phase.QUEUED
    unneeded = Reason.QUEUE_TIMEOUT if queued else Reason.IDLE
    return replica.drained(replica.retiring or unneeded, now)


def _reopened(replica: Replica, now: float) -> Replica:
    if replica.reason is Reason.IDLE:
        return replica.to(Phase.READY, Reason.HEALTHY, now)
    return replica.to(Phase.QUEUED, Reason.WAITING, now)


def _apart(job: Job, record: ServiceRecord, context: Context) -> Job:
    """Away from the replicas that have its port. One that is being replaced does not count: where
    there is a single node, its successor waits for that port."""
    if context.policy.own_ports:
        return job
    nodes = {one.job.node for one in record.replicas if one.counts and one.job.port == job.port}
    return replace(job, apart_from=tuple(sorted(nodes - {""})))


def _started(record: ServiceRecord, slot: int, job: Job, now: float) -> ServiceRecord:
    """Writes the intent: the job's name is new."""
    replica = Replica(record.route, slot, job, Phase.QUEUED, now, Reason.SUBMITTING)
    return replace(record.with_replica(replica), failed=False, last_demand=now, asked_by="")

"""What the health checks of a replica found."""

from __future__ import annotations

from dataclasses import replace

from service_management.lifecycle import moves, policy
from service_management.lifecycle.decision import Context
from service_management.lifecycle.events import Health, Probed
from service_management.lifecycle.findings import Saw
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Replica, Silence
from service_management.lifecycle.start_phases import remembered
from service_management.lifecycle.states import Phase, Reason


def _noted(replica: Replica, event: Probed, context: Context) -> Replica:
    """A check that saw nothing, for lack of a tunnel, leaves what the one before it saw."""
    if event.health is Health.HEALTHY:
        return replica.with_job(finding=None, found_at=None)
    if event.finding is None:
        return replica
    return replica.with_job(finding=event.finding, found_at=context.now)


def _probed_starting(
    record: ServiceRecord, replica: Replica, event: Probed, context: Context
) -> ServiceRecord:
    noted = _noted(replica, event, context)
    if event.health is Health.HEALTHY:
        return _became_ready(record, noted, context.now)
    # Another job gets another port, or another node.
    strangers = _is_strangers(event) and context.policy.own_ports
    if strangers or _may_go_elsewhere(record, noted, event):
        rivals = (one.with_job(contested=True) for one in record.beside(noted))
        return record.with_replicas(*rivals, noted.drained(Reason.PORT_TAKEN, context.now))
    if event.health is Health.UNVERIFIED:
        noted = replace(noted, reason=Reason.UNVERIFIED)
    return record.with_replica(replace(noted, startup_used=noted.startup_used + event.watched))


def _is_strangers(event: Probed) -> bool:
    return event.finding is not None and event.finding.saw is Saw.STRANGER


def _may_go_elsewhere(record: ServiceRecord, replica: Replica, event: Probed) -> bool:
    """Another replica has its port on its node, and stays. Where Slurm was asked to avoid that node
    and does not, another job would be put there too: this one waits, and says why."""
    if event.finding is None or event.finding.saw is not Saw.PORT_HELD:
        return False
    stays = any(one.counts for one in record.beside(replica))
    asked = replica.job.node in replica.job.apart_from
    return event.finding.by_replica and stays and not asked


def _became_ready(record: ServiceRecord, replica: Replica, now: float) -> ServiceRecord:
    ready = replica.to(Phase.READY, Reason.HEALTHY, now, ready_since=now, strikes=0)
    if not record.ready:  # idleness runs from here, or from later
        record = replace(record, last_activity=now)
    record = _others_are_compared(record.with_replica(ready), ready)
    return remembered(record, ready) if replica.ready_since is None else record


def _probed_ready(
    record: ServiceRecord, replica: Replica, event: Probed, context: Context
) -> ServiceRecord:
    if event.health is Health.SILENT:
        return _silent(record, replica, event, context)
    noted = replace(_noted(replica, event, context), silence=None)
    if event.health is Health.HEALTHY:
        if policy.served_long(noted, context.now):
            record = moves.forgive_before(record, noted)
        return _others_are_compared(record.with_replica(replace(noted, strikes=0)), noted)
    if event.health is Health.UNVERIFIED:  # no second strike: requests might go to a stranger
        return record.with_replica(_checked_again(noted, Reason.UNVERIFIED, context.now))
    if noted.strikes + 1 < policy.STRIKES:
        return record.with_replica(replace(noted, strikes=noted.strikes + 1))
    return record.with_replica(_checked_again(noted, Reason.UNHEALTHY, context.now))


def _silent(
    record: ServiceRecord, replica: Replica, event: Probed, context: Context
) -> ServiceRecord:
    """Unknown is not gone: without a tunnel nothing was asked, and while a login is cut off all of
    its replicas are silent."""
    if event.finding is None:
        return record
    others = any(one.silence is None for one in record.ready if one.slot != replica.slot)
    silence = _longer(replica.silence, event.watched, others)
    if policy.silence_over(silence, context.policy, others=others):
        off = _checked_again(_noted(replica, event, context), Reason.SILENT, context.now)
        return record.with_replica(off)
    return record.with_replica(replace(replica, silence=silence))


def _longer(silence: Silence | None, watched: float, others: bool) -> Silence:
    if silence is None:
        return Silence(seconds=watched)
    return Silence(silence.checks + 1, silence.seconds + watched, silence.others_answer and others)


def _others_are_compared(record: ServiceRecord, answering: Replica) -> ServiceRecord:
    """The checks of the silent ones count from here. What they missed before this one answered may
    have been the fault of a login that has just come back."""
    others = (one for one in record.ready if one.slot != answering.slot)
    return record.with_replicas(*map(_compared, others))


def _compared(replica: Replica) -> Replica:
    silence = replica.silence
    if silence is None or silence.others_answer:
        return replica
    return replace(replica, silence=Silence(1, silence.seconds, others_answer=True))


def _checked_again(replica: Replica, reason: Reason, now: float) -> Replica:
    """Off its route until it is healthy again."""
    return replica.to(Phase.STARTING, reason, now, strikes=0, startup_used=0.0)


PROBED = {Phase.STARTING: _probed_starting, Phase.READY: _probed_ready}

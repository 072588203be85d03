"""Records of services with at most one replica, built from what the service is to be."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, Reason, State

WITH_REPLICA = {phase.value for phase in Phase}
_OF_REPLICA = {field.name for field in fields(Replica)} - {"route"}


def a_record(
    route: str = "digits",
    state: State = State.COLD,
    since: float = 0.0,
    reason: Reason = Reason.NONE,
    job: Job | None = None,
    **more: Any,
) -> ServiceRecord:
    """A service in this state: with a replica in slot 0 where the state is one of a replica. More
    fields go to the replica if it has them, else to the service."""
    if state.value not in WITH_REPLICA:
        return ServiceRecord(
            route,
            resting_since=since,
            resting_reason=reason,
            failed=state is State.FAILED,
            enabled=state is not State.DISABLED,
            **more,
        )
    replica = Replica(route, 0, job or Job(f"io.{route}.s0.n1", 8080, since))
    replica = replica.to(Phase(state.value), reason, since)
    record = ServiceRecord(route, (replica,), demand=replica.live)
    return changed(record, **more)


def changed(record: ServiceRecord, **changes: Any) -> ServiceRecord:
    """Its only replica, or the service itself, with these fields changed."""
    mine = {name: changes.pop(name) for name in _OF_REPLICA & changes.keys()}
    if mine:
        record = record.with_replica(replace(only(record), **mine))
    return replace(record, **changes)


def with_job(record: ServiceRecord, **changes: Any) -> ServiceRecord:
    """The job of its only replica with these fields changed."""
    return record.with_replica(only(record).with_job(**changes))


def only(record: ServiceRecord) -> Replica:
    (replica,) = record.replicas
    return replica

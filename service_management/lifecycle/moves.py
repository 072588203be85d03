"""Changes of a record that several events share."""

from __future__ import annotations

from dataclasses import replace

from service_management.lifecycle.policy import backoff
from service_management.lifecycle.record import Failure, ServiceRecord
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import Reason


def drain(record: ServiceRecord, reason: Reason, now: float) -> ServiceRecord:
    """End every replica that does not end already."""
    return record.with_replicas(*(one.drained(reason, now) for one in record.live))


def rest(record: ServiceRecord, reason: Reason, now: float) -> ServiceRecord | None:
    """A replica is gone. If it was the last, that is why there is none; a service that is no
    longer configured is forgotten."""
    if record.active:
        return replace(record, resting_since=now)
    return None if record.forgettable else record.resting(reason, now)


def fail(record: ServiceRecord, failure: Failure, now: float) -> ServiceRecord:
    """An attempt failed, and its replica is gone. What else the service has goes on."""
    failures = record.failures + 1
    failed = replace(
        record,
        failures=failures,
        retry_at=now + backoff(failures),
        last_failure=failure,
        demand=record.demand and bool(record.live),
        resting_since=now,
    )
    return failed if failed.active else failed.resting(failure.reason, now, failed=True)


def forgive(record: ServiceRecord) -> ServiceRecord:
    """Earlier failures no longer count."""
    return replace(record, failures=0, retry_at=0.0)


def forgive_before(record: ServiceRecord, replica: Replica) -> ServiceRecord:
    """This one did start: failures from before that no longer count. Another may be failing."""
    failure = record.last_failure
    later = failure is not None and failure.at > (replica.ready_since or 0.0)
    return record if later else forgive(record)

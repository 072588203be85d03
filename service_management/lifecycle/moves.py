"""Changes of a record that several events share."""

from __future__ import annotations

from dataclasses import replace

from service_management.lifecycle.decision import Context
from service_management.lifecycle.policy import backoff
from service_management.lifecycle.record import Failure, Record
from service_management.lifecycle.states import Reason, State


def submit(record: Record, context: Context) -> Record:
    """Write the intent. `decide` turns a new job name into the one `Submit`."""
    if context.fresh is None:
        return record
    return record.to(
        State.QUEUED,
        Reason.SUBMITTING,
        context.now,
        job=context.fresh,
        last_demand=context.now,
        ready_since=None,
        startup_used=0.0,
        strikes=0,
        after=State.COLD,
        again=False,
        hurry=False,
    )


def drain(
    record: Record,
    reason: Reason,
    context: Context,
    *,
    after: State | None = State.COLD,
    again: bool = False,
) -> Record:
    """Stop routing; the job follows once nothing is in flight."""
    return record.to(
        State.DRAINING, reason, context.now, after=after, again=again, hurry=False, strikes=0
    )


def cold(record: Record, reason: Reason, context: Context) -> Record:
    return record.to(State.COLD, reason, context.now, job=None, ready_since=None, again=False)


def fail(record: Record, failure: Failure, context: Context) -> Record:
    failures = record.failures + 1
    return record.to(
        State.FAILED,
        failure.reason,
        context.now,
        job=None,
        ready_since=None,
        again=False,
        failures=failures,
        retry_at=context.now + backoff(failures),
        last_failure=failure,
    )


def forgive(record: Record) -> Record:
    """Earlier failures no longer count: the service has started and served."""
    return replace(record, failures=0, retry_at=0.0)

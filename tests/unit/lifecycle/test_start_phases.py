"""How long a start took, part by part, and how long it usually takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service_management.lifecycle import events as ev
from service_management.lifecycle.record import ServiceRecord, StartTimes
from service_management.lifecycle.replica import Job
from service_management.lifecycle.start_phases import STARTS_KEPT, phases, usual
from service_management.lifecycle.states import Phase, Reason, State
from tests.unit.records import a_record, changed, only

from .samples import COLD, STARTING, after, probed
from .samples import READY as SERVING

STARTED = Job("io.a.0.1.n", 1, 10.0, submitted_at=10.5, estimated_start=20.0, started_at=21.5)
READY = only(a_record("a", State.READY, 30.0, Reason.HEALTHY, STARTED, ready_since=30.0))


@pytest.mark.parametrize(
    ("start", "seen", "running"),
    [
        (20.0, 20.3, 20.3),  # within the second that Slurm names
        (20.0, 25.0, 21.0),  # seen late: Slurm knows better
        (None, 25.0, 25.0),
        (5.0, 25.0, 10.5),  # the cluster's clock is behind
        (99.0, 25.0, 25.0),  # or ahead
    ],
)
def test_when_a_job_began_to_run(start: float | None, seen: float, running: float) -> None:
    job = replace(STARTED, estimated_start=start, started_at=seen)
    assert phases(replace(READY, job=job)) == {
        "submit": 0.5,
        "queue": running - 10.5,
        "load": 30.0 - running,
    }


def test_an_adopted_job_has_no_phases() -> None:
    assert phases(replace(READY, job=replace(STARTED, submitted_at=None))) == {}


def loading(seconds: float, record: ServiceRecord = STARTING) -> ServiceRecord:
    """Now it has been loading for so long, after 2 s in the queue."""
    begun = record.since
    job = replace(STARTING.job, intended_at=begun, submitted_at=begun, started_at=begun + 2)
    return changed(record, phase=Phase.STARTING, job=job, ready_since=None)


def started(record: ServiceRecord, load: float) -> ServiceRecord:
    return after(loading(load, record), probed(), now=record.since + 2 + load)


def test_the_usual_times_are_the_median_of_the_last_starts() -> None:
    assert usual(COLD) == {"queue": None, "load": None}
    record = STARTING
    for load in (100.0, 100.0, 7.0, 9.0, 8.0, 600.0):
        record = started(record, load)
    assert len(record.starts) == STARTS_KEPT
    assert usual(record) == {"queue": 2.0, "load": 9.0}


def test_recovering_from_illness_is_not_a_start() -> None:
    again = after(changed(STARTING, ready_since=only(SERVING).ready_since), probed())
    assert (again.state, again.starts) == (State.READY, ())


def test_the_usual_times_outlive_the_job() -> None:
    cold = after(changed(COLD, starts=(StartTimes(1.0, 2.0),)), ev.Demanded())
    assert usual(cold) == {"queue": 1.0, "load": 2.0}

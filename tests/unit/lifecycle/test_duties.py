"""What is owed for a record as it stands: asked for again until the record says otherwise."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from service_management import lifecycle
from service_management.lifecycle.actions import Cancel, Find, Probe, Tunnel, duties, routed
from service_management.lifecycle.events import EVENTS
from service_management.lifecycle.states import TEXT, Reason, State

from .samples import DRAINING, QUEUED, READY, RECORDS, STARTING, SUBMITTING, cancelled, draining

JOB = READY.job


@pytest.mark.parametrize("state", [State.COLD, State.FAILED, State.DISABLED])
def test_nothing_is_owed_without_a_job(state) -> None:
    assert duties(RECORDS[state]) == ()


def test_a_job_without_an_id_is_looked_for_whatever_is_wanted_with_it() -> None:
    for record in (SUBMITTING, cancelled(draining(Reason.STOPPED, job=SUBMITTING.job))):
        assert duties(record) == (Find(record.job),)


def test_a_queued_job_needs_no_tunnel() -> None:
    assert duties(QUEUED) == ()


@pytest.mark.parametrize("record", [STARTING, READY])
def test_a_running_job_is_owed_a_tunnel_and_health_checks(record) -> None:
    assert duties(record) == (Tunnel(JOB), Probe(JOB))


def test_a_running_job_whose_node_is_not_known_yet_is_owed_nothing() -> None:
    assert duties(STARTING.with_job(node="")) == ()


def test_the_tunnel_stays_until_draining_has_decided_to_cancel() -> None:
    assert duties(DRAINING) == (Tunnel(JOB),)
    job = cancelled().job
    assert duties(cancelled()) == (Cancel(job),)


@pytest.mark.parametrize("state", State)
def test_exactly_the_ready_ones_are_routed(state) -> None:
    assert routed(RECORDS[state]) == (state is State.READY)


def test_every_reason_has_words() -> None:
    assert set(TEXT) == set(Reason)
    assert all(text and not text.endswith(".") for text in TEXT.values())


def test_every_event_class_is_in_the_table() -> None:
    module = ast.parse((Path(lifecycle.__file__).parent / "events.py").read_text())
    classes = {node.name for node in module.body if isinstance(node, ast.ClassDef)} - {"Health"}
    assert {event.__name__ for event in EVENTS} == classes

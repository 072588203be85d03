"""The actions that follow from a record, repeated until the record says otherwise."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from service_management import lifecycle
from service_management.lifecycle.actions import (
    Cancel,
    Find,
    Probe,
    Tunnel,
    required_actions,
    routed,
)
from service_management.lifecycle.events import EVENTS
from service_management.lifecycle.states import TEXT, Reason, State

from .samples import DRAINING, QUEUED, READY, RECORDS, STARTING, SUBMITTING, cancelled, draining

JOB = READY.job


@pytest.mark.parametrize("state", [State.COLD, State.FAILED, State.DISABLED])
def test_without_a_job_no_action_is_required(state) -> None:
    assert required_actions(RECORDS[state]) == ()


def test_a_job_without_an_id_is_looked_for_in_every_state() -> None:
    for record in (SUBMITTING, cancelled(draining(Reason.STOPPED, job=SUBMITTING.job))):
        assert required_actions(record) == (Find(record.job),)


def test_a_queued_job_needs_no_tunnel() -> None:
    assert required_actions(QUEUED) == ()


@pytest.mark.parametrize("record", [STARTING, READY])
def test_a_running_job_requires_a_tunnel_and_health_checks(record) -> None:
    assert required_actions(record) == (Tunnel(JOB), Probe(JOB))


def test_without_a_known_node_no_tunnel_is_opened() -> None:
    assert required_actions(STARTING.with_job(node="")) == ()


def test_the_tunnel_stays_open_until_the_job_is_cancelled() -> None:
    assert required_actions(DRAINING) == (Tunnel(JOB),)
    job = cancelled().job
    assert required_actions(cancelled()) == (Cancel(job),)


@pytest.mark.parametrize("state", State)
def test_exactly_the_ready_services_are_routed(state) -> None:
    assert routed(RECORDS[state]) == (state is State.READY)


def test_every_reason_has_a_sentence() -> None:
    assert set(TEXT) == set(Reason)
    assert all(text and not text.endswith(".") for text in TEXT.values())


def test_every_event_class_is_in_the_table() -> None:
    module = ast.parse((Path(lifecycle.__file__).parent / "events.py").read_text())
    classes = {node.name for node in module.body if isinstance(node, ast.ClassDef)} - {"Health"}
    assert {event.__name__ for event in EVENTS} == classes

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
)
from service_management.lifecycle.events import EVENTS
from service_management.lifecycle.states import TEXT, Reason
from tests.unit.records import only, with_job

from .samples import DRAINING, QUEUED, READY, STARTING, SUBMITTING, cancelled, draining

JOB = READY.job


def required(record):
    return required_actions(only(record))


def test_a_job_without_an_id_is_looked_for_in_every_phase() -> None:
    for record in (SUBMITTING, cancelled(draining(Reason.STOPPED, job=SUBMITTING.job))):
        assert required(record) == (Find(record.job),)


def test_a_queued_job_needs_no_tunnel() -> None:
    assert required(QUEUED) == ()


@pytest.mark.parametrize("record", [STARTING, READY])
def test_a_running_job_requires_a_tunnel_and_health_checks(record) -> None:
    assert required(record) == (Tunnel(JOB), Probe(JOB))


def test_without_a_known_node_no_tunnel_is_opened() -> None:
    assert required(with_job(STARTING, node="")) == ()


def test_the_tunnel_stays_open_until_the_job_is_cancelled() -> None:
    assert required(DRAINING) == (Tunnel(JOB),)
    assert required(cancelled()) == (Cancel(JOB),)


def test_every_reason_has_a_sentence() -> None:
    assert set(TEXT) == set(Reason)
    assert all(text and not text.endswith(".") for text in TEXT.values())


def test_every_event_class_is_in_the_table() -> None:
    module = ast.parse((Path(lifecycle.__file__).parent / "events.py").read_text())
    classes = {node.name for node in module.body if isinstance(node, ast.ClassDef)} - {"Health"}
    assert {event.__name__ for event in EVENTS} == classes

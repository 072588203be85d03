"""The machine's clock is set by an hour, either way: budgets and paces are not affected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service_management.lifecycle import events as ev
from service_management.lifecycle.states import State
from tests.unit.controller.harness import START, Harness
from tests.unit.controller.samples import configured, with_job
from tests.unit.records import changed, only

HOUR = 3600.0
TIMEOUT = 30


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    ready = with_job("digits", State.READY, START, timeout=TIMEOUT)
    used = changed(ready, last_activity=START, ready_since=START)
    made = Harness(tmp_path, used, services=[configured(timeout=TIMEOUT)]).restore()
    yield made
    made.close()


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_service_is_idle_after_its_timeout_and_not_before(harness: Harness, step: float) -> None:
    harness.step(after=TIMEOUT - 1)
    harness.ahead = step
    harness.step(after=0.5)
    assert harness.record().state is State.READY
    harness.step(after=1.0)
    assert harness.record().state is State.DRAINING


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_queues_are_asked_at_the_same_pace(harness: Harness, step: float) -> None:
    harness.ahead = step
    passes = [harness.happen(ev.Demanded()) for _ in range(60)]
    polls = [call for calls in passes for call in calls if call[0] == "poll_queue"]
    assert 4 <= len(polls) <= 8


def test_times_are_shown_by_the_wall_clock(harness: Harness) -> None:
    harness.snapshot.services = harness.records.services
    harness.ahead = -HOUR
    shown = harness.snapshot.of("digits")
    assert shown is not None
    one = only(shown.record)
    moved = (shown.record.since, one.since, one.ready_since, one.job.intended_at)
    assert moved == (START - HOUR,) * 4


def test_the_start_of_nginx_is_a_wall_time(tmp_path: Path) -> None:
    """No request could come in before it, so idleness is counted from it."""
    used = changed(with_job("digits", State.READY, START - 100), last_activity=START - 100)
    harness = Harness(tmp_path, used)
    harness.ahead = -HOUR
    harness.open_since = START - HOUR - 10
    harness.restore()
    assert harness.record().last_activity == START - 10
    harness.close()

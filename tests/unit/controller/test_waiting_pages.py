"""Open waiting pages: what is under way goes on for them; they start nothing."""

from __future__ import annotations

from pathlib import Path

from service_management.controller.snapshot import Snapshot
from service_management.host.steady_clock import SteadyClock
from service_management.lifecycle.states import State
from tests.unit.controller.harness import START, Harness
from tests.unit.controller.samples import configured, with_job
from tests.unit.records import a_record


def test_a_waiting_page_counts_until_it_should_have_looked() -> None:
    now = 100.0
    shown = Snapshot(SteadyClock("", 0.0, lambda: now))
    shown.watch("digits", 75)  # a hidden tab
    shown.watch("digits", 5)  # and one in sight
    assert shown.waiters.watched("digits", now + 74)
    assert not shown.waiters.watched("digits", now + 75)
    assert not shown.waiters.watched("never asked for", now)
    assert (shown.waiters.held("digits"), shown.waiters.routes()) == (0, [])


def test_a_watched_job_stays_queued_and_a_failed_one_failed(tmp_path: Path) -> None:
    queued = with_job("digits", State.QUEUED, START)
    failed = a_record("text", State.FAILED, START)
    services = [configured(queue_timeout=10), configured("text", local_port=9001)]
    harness = Harness(tmp_path, queued, failed, services=services).restore()
    for _ in range(20):
        harness.snapshot.watch("digits", 5)
        harness.snapshot.watch("text", 5)
        harness.step()
    assert harness.record("digits").state is State.QUEUED
    assert harness.record("text") == failed
    harness.step(after=14.9)
    assert harness.record("digits").state is State.DRAINING
    harness.close()

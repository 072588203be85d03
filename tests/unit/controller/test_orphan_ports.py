"""The port of a job that no record knows, and what is done until it is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service_management.controller.inbox import OrphanPort, QueueAnswer
from service_management.lifecycle.job_views import JobPhase, JobView
from tests.unit.controller.harness import Calls, Harness
from tests.unit.controller.samples import configured


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[Harness]:
    services = [configured(), configured("proven", local_port=9001, verify="token")]
    harness = Harness(tmp_path, services=services).restore()
    yield harness
    harness.close()


def shown(harness: Harness, name: str) -> Calls:
    login = harness.records.specs["digits"].login.id
    calls = harness.step(
        QueueAnswer(login, [JobView("9", name, "RUNNING", JobPhase.RUNNING)], harness.now + 0.5)
    )
    return [call for call in calls if "orphan" in call[0]]


def test_an_orphan_is_adopted_once_its_port_is_known(cold: Harness) -> None:
    [(asked, login, view, asked_at)] = shown(cold, "io.digits.s0.zz")
    assert (asked, cold.record().job) == ("ask_orphan_port", None)
    cold.step(OrphanPort(login, view, 20123, asked_at))
    job = cold.record().job
    assert job is not None
    assert (job.name, job.port, job.job_id) == ("io.digits.s0.zz", 20123, "9")
    late = cold.step(OrphanPort(login, view, None, asked_at))  # a second answer
    assert not [call for call in late if call[0] == "cancel_orphan"]


def test_an_orphan_job_with_an_old_name_is_adopted_with_its_port(cold: Harness) -> None:
    assert shown(cold, "io.digits.0.20001.zz") == []
    job = cold.record().job
    assert job is not None
    assert job.port == 20001


def test_an_orphan_with_an_unknown_port_is_cancelled(cold: Harness) -> None:
    [(_, login, view, asked_at)] = shown(cold, "io.digits.s0.zz")
    calls = cold.step(OrphanPort(login, view, None, asked_at))
    assert ("cancel_orphan", login, "9") in calls


def test_an_orphan_that_cannot_prove_itself_is_cancelled(cold: Harness) -> None:
    [(what, _login, job_id)] = shown(cold, "io.proven.s0.zz")
    assert (what, job_id) == ("cancel_orphan", "9")

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
    services = [
        configured(),
        configured("proven", local_port=9001, verify="token"),
        configured("scaled", local_port=9002, max_replicas=2),
    ]
    harness = Harness(tmp_path, services=services).restore()
    yield harness
    harness.close()


def shown(harness: Harness, name: str, job_id: str = "9") -> Calls:
    login = harness.records.specs["digits"].login.id
    calls = harness.step(
        QueueAnswer(login, [JobView(job_id, name, "RUNNING", JobPhase.RUNNING)], harness.now + 0.5)
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


def test_orphans_of_one_service_are_adopted_each_with_its_port(cold: Harness) -> None:
    """Which of the answers comes first does not matter."""
    asked = [shown(cold, f"io.scaled.s{slot}.zz", str(slot)) for slot in (0, 1)]
    for [(_, login, view, asked_at)] in reversed(asked):
        cold.step(OrphanPort(login, view, 20_000 + int(view.job_id), asked_at))
    found = cold.record("scaled").replicas
    assert [(one.slot, one.job.job_id, one.job.port) for one in found] == [
        (0, "0", 20_000),
        (1, "1", 20_001),
    ]


def test_an_orphan_in_a_slot_that_is_taken_is_cancelled(cold: Harness) -> None:
    shown(cold, "io.scaled.1.20001.zz", "1")
    [(what, _login, job_id)] = shown(cold, "io.scaled.s1.yy", "2")
    assert (what, job_id) == ("cancel_orphan", "2")
    assert [one.job.job_id for one in cold.record("scaled").replicas] == ["1"]


def test_an_orphan_with_an_unknown_port_is_cancelled(cold: Harness) -> None:
    [(_, login, view, asked_at)] = shown(cold, "io.digits.s0.zz")
    calls = cold.step(OrphanPort(login, view, None, asked_at))
    assert ("cancel_orphan", login, "9") in calls


def test_an_orphan_that_cannot_prove_itself_is_cancelled(cold: Harness) -> None:
    [(what, _login, job_id)] = shown(cold, "io.proven.s0.zz")
    assert (what, job_id) == ("cancel_orphan", "9")

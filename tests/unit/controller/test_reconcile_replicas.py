"""An answer of squeue, or a new catalogue, against a service with several replicas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service_management.controller.inbox import Suspected
from service_management.controller.job_spec import JobSpec
from service_management.lifecycle import events as ev
from service_management.lifecycle.job_views import JobEnd, JobView
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import Phase, Reason, State
from tests.unit.controller.harness import START, Harness, cancelled, harness, names
from tests.unit.controller.samples import KEY_DIR, answer, configured, line, live, with_jobs

SCALED = configured(min_replicas=2, max_replicas=3)
PAIR = with_jobs("digits", START - 100, State.READY, State.READY)
FIRST, SECOND = PAIR.replicas


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Harness]:
    yield from harness(tmp_path, PAIR, services=(SCALED,))


def seen(replica: Replica) -> JobView:
    return replace(line(replica.job.name, replica.job.job_id), node=replica.job.node)


def test_only_the_missing_replica_is_asked_about(pair: Harness) -> None:
    calls = pair.step(answer(seen(FIRST), asked_at=pair.now))
    assert [call for call in calls if call[0] == "fetch_end"] == [
        ("fetch_end", "digits", SECOND.job)
    ]


def test_an_orphan_is_adopted_into_its_free_slot(pair: Harness) -> None:
    orphan = line("io.digits.2.20001.zz", "9")
    calls = pair.step(answer(*map(seen, PAIR.replicas), orphan, asked_at=START))
    assert [(one.slot, one.job.job_id) for one in pair.record().replicas] == [
        (0, "7"),
        (1, "8"),
        (2, "9"),
    ]
    assert cancelled(calls) == []


def test_an_orphan_is_cancelled_where_its_slot_is_taken(pair: Harness) -> None:
    orphan = line("io.digits.1.20001.zz", "9")
    calls = pair.step(answer(*map(seen, PAIR.replicas), orphan, asked_at=START))
    assert cancelled(calls) == ["9"]
    assert len(pair.record().replicas) == 2


def test_an_orphan_beyond_max_replicas_is_cancelled(tmp_path: Path) -> None:
    services = (configured(min_replicas=2, max_replicas=2),)
    for full in harness(tmp_path, PAIR, services=services):
        orphan = line("io.digits.2.20001.zz", "9")
        calls = full.step(answer(*map(seen, PAIR.replicas), orphan, asked_at=START))
        assert cancelled(calls) == ["9"]


def test_all_orphan_replicas_of_one_answer_are_adopted(tmp_path: Path) -> None:
    """The store was lost while three were running."""
    for idle in harness(tmp_path, services=(configured(max_replicas=3),)):
        orphans = [line(f"io.digits.{n}.2000{n}.z{n}", str(n)) for n in range(3)]
        calls = idle.step(answer(*orphans, asked_at=START))
        assert cancelled(calls) == []
        assert [one.job.job_id for one in idle.record().replicas] == ["0", "1", "2"]


@pytest.mark.parametrize("name", ["io.digits.s1.n2", "io.digits.1.8080.n2"])
def test_a_stale_answer_does_not_bring_an_ended_replica_back(tmp_path: Path, name: str) -> None:
    """The other replica has been ready all along; squeue was asked before this one ended."""
    two = PAIR.with_replica(SECOND.with_job(name=name))
    for pair in harness(tmp_path, two, services=(SCALED,)):
        asked_at, shown = pair.now, [seen(one) for one in two.replicas]
        pair.happen(ev.JobOver(JobEnd("8", "COMPLETED")))
        calls = pair.step(answer(*shown, asked_at=asked_at))
        assert not names(calls) & {"cancel_orphan", "ask_orphan_port"}
        assert [one.job.job_id for one in pair.record().replicas] == ["7"]


def test_all_ready_replicas_of_a_suspected_service_are_probed(pair: Harness) -> None:
    calls = pair.step(Suspected("digits"))
    assert [call for call in calls if call[0] == "probe_soon"] == [("probe_soon", "digits")] * 2


def test_an_edit_drains_only_replicas_with_the_old_entry(tmp_path: Path) -> None:
    edited = configured(bash_file="other.sh", min_replicas=2, max_replicas=3)
    spec = JobSpec.of(edited, KEY_DIR).dump()
    record = PAIR.with_replica(SECOND.with_job(spec=spec))
    for both in harness(tmp_path, record, services=(SCALED,)):
        both.step(live(edited))
        first, second, *_ = both.record().replicas
        assert (first.phase, first.reason) == (Phase.DRAINING, Reason.CHANGED)
        assert second.phase is Phase.READY


def test_all_replicas_of_a_removed_service_are_drained(pair: Harness) -> None:
    pair.step(live())
    assert {one.reason for one in pair.record().replicas} == {Reason.REMOVED}
    pair.happen(ev.JobOver(JobEnd("7", "CANCELLED")))
    assert pair.records.get("digits") is not None
    pair.happen(ev.JobOver(JobEnd("8", "CANCELLED")))
    assert pair.records.get("digits") is None

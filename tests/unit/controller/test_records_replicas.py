"""The records of a service with several replicas during one pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from service_management.lifecycle import events as ev
from service_management.lifecycle.job_views import JobEnd
from service_management.lifecycle.policy import BACKOFF_FIRST, STABLE_AFTER
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import Phase, State
from tests.unit.controller.records_harness import NOW, given, happen, look, ready
from tests.unit.records import changed, only


def with_second(record: ServiceRecord, **changes: Any) -> ServiceRecord:
    """And another replica of the same, in slot 1."""
    other = replace(only(record), slot=1, **changes)
    return record.with_replica(other.with_job(name="io.digits.s1.n2", job_id="8", node="n2"))


def test_each_replica_of_a_start_is_a_submission_of_its_own() -> None:
    kept = given(min_replicas=3, max_replicas=3)
    look(kept)
    changes = kept.take_changes()
    replicas = changes.records["digits"].replicas
    assert [one.slot for one in replicas] == [0, 1, 2]
    assert changes.submissions == {one.job.name for one in replicas}
    assert len(changes.submissions) == 3
    look(kept)
    assert kept.take_changes().submissions == set()


def test_a_service_is_active_until_its_last_replica_has_ended() -> None:
    kept = given({"digits": with_second(ready())})
    assert kept.replicas() == list(kept.get("digits").replicas)
    happen(kept, ev.StopAsked())
    happen(kept, ev.JobOver(JobEnd("7", "CANCELLED")))
    assert [one.job.job_id for one in kept.replicas()] == ["8"]
    assert kept.active() == [kept.get("digits")]
    happen(kept, ev.JobOver(JobEnd("8", "CANCELLED")))
    assert (kept.active(), kept.replicas()) == ([], [])


def test_a_found_job_has_room_in_a_free_slot_only() -> None:
    kept = given({"digits": ready()}, max_replicas=2)
    record = kept.get("digits")
    assert (kept.has_room(record, 0), kept.has_room(record, 1)) == (False, True)
    assert not kept.has_room(with_second(record), 2)
    assert not kept.has_room(changed(record, enabled=False), 1)
    assert not kept.has_room(changed(record, removed=True), 1)


def test_the_end_of_one_of_several_replicas_is_an_entry() -> None:
    kept = given({"digits": with_second(ready())}, max_replicas=2)
    happen(kept, ev.JobOver(JobEnd("8", "TIMEOUT")))
    [entry] = kept.take_changes().entries
    assert (entry.state, entry.reason) == ("failed", "ended_at_start")
    assert "(job 8: Slurm says TIMEOUT" in entry.text
    assert kept.get("digits").state is State.READY


def test_the_end_of_a_replica_that_served_is_an_entry() -> None:
    """As it is where the replica was the only one."""
    long_ago = changed(ready(), ready_since=NOW - STABLE_AFTER)
    for record in (long_ago, with_second(long_ago)):
        kept = given({"digits": record}, max_replicas=2)
        happen(kept, ev.JobOver(JobEnd("7", "TIMEOUT")))
        assert [entry.reason for entry in kept.take_changes().entries] == ["job_ended"]


def test_back_off_outlasts_the_health_of_another_replica() -> None:
    """Else a replica that cannot start would be submitted at every check of one that serves."""
    serving = changed(ready(), ready_since=NOW - STABLE_AFTER)
    broken = with_second(serving, phase=Phase.STARTING, ready_since=None)
    kept = given({"digits": broken}, min_replicas=2, max_replicas=2)
    happen(kept, ev.JobOver(JobEnd("8", "FAILED")))
    kept.take_changes()
    happen(kept, ev.Probed(only(serving).job.name, ev.Health.HEALTHY), NOW + 0.1)
    assert kept.take_changes().submissions == set()
    look(kept, now=NOW + BACKOFF_FIRST)
    assert len(kept.take_changes().submissions) == 1


def test_each_replica_has_entries_of_its_own() -> None:
    kept = given(min_replicas=2, max_replicas=2)
    look(kept)
    for number, one in enumerate(kept.get("digits").replicas):
        happen(kept, ev.Submitted(one.job.name, str(number)))
    assert [entry.text for entry in kept.take_changes().entries] == [
        "the job is being submitted",
        "the job is being submitted",
        "the job is waiting in Slurm's queue (job 0)",
        "the job is waiting in Slurm's queue (job 1)",
    ]


def test_a_removed_service_is_forgotten_with_its_last_replica() -> None:
    kept = given({"digits": with_second(ready())})
    kept.configure({})
    happen(kept, ev.Removed())
    happen(kept, ev.JobOver(JobEnd("8", "CANCELLED")))
    assert kept.take_changes().forgotten == set()
    happen(kept, ev.JobOver(JobEnd("7", "CANCELLED")))
    assert (kept.take_changes().forgotten, kept.all()) == ({"digits"}, [])


def test_replicas_that_start_together_never_share_a_port(monkeypatch) -> None:
    drawn = iter([1, 1, 2, 1, 2, 3])
    monkeypatch.setattr("secrets.randbelow", lambda _below: next(drawn))
    kept = given(remote_port="auto", min_replicas=3, max_replicas=3)
    replicas = look(kept).replicas
    assert len({one.job.port for one in replicas}) == len(replicas) == 3

"""An answer of squeue, or a new catalogue, against the records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service_management.config import Problem
from service_management.controller.inbox import CatalogueRefused, LoginState, QueueAnswer, Suspected
from service_management.controller.job_spec import spec_of
from service_management.controller.public_view import Trouble
from service_management.controller.reconcile import match
from service_management.lifecycle import events as ev
from service_management.lifecycle.intervals import IDLE_EVERY
from service_management.lifecycle.job_views import JobEnd, JobPhase
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, Reason, State
from tests.unit.controller.harness import START, Harness, cancelled, harness, names
from tests.unit.controller.samples import LOGIN, answer, configured, line, live, with_job
from tests.unit.records import a_record, changed

ASKED = 100.0


def replica(route: str, job_id: str, slot: int = 0) -> Replica:
    return Replica(route, slot, Job(f"io.{route}.s{slot}.n1", 8080, 50.0, job_id=job_id))


def compared(views, replicas, learned=None):
    return match(QueueAnswer("login", views, ASKED), replicas, learned or {}, "io")


def test_a_job_is_seen_by_name_before_its_id_is_known() -> None:
    shown = line("io.digits.s0.n1", "7")
    found = compared([shown], [replica("digits", "")])
    assert found.seen == (("digits", shown),)
    assert (found.missing, found.orphans) == ((), ())


def test_a_job_that_squeue_does_not_show_is_missing() -> None:
    known = replica("digits", "7")
    assert compared([], [known]).missing == (known,)


def test_a_job_with_an_id_newer_than_the_answer_is_not_missing() -> None:
    known = replica("digits", "7")
    assert compared([], [known], {known.job.name: ASKED}).missing == ()
    assert compared([], [known], {known.job.name: ASKED + 1}).missing == ()
    assert compared([], [known], {known.job.name: ASKED - 1}).missing


def test_a_job_without_an_id_cannot_be_missing() -> None:
    assert compared([], [replica("digits", "")]).missing == ()


def test_a_job_with_the_prefix_and_no_record_is_an_orphan() -> None:
    [orphan] = compared([line("io.text.0.20001.zz", "9")], [replica("digits", "")]).orphans
    assert (orphan.name.route, orphan.name.port, orphan.view.job_id) == ("text", 20001, "9")


@pytest.mark.parametrize(
    "name", ["other.text.0.1.zz", "io.text", "io", "", "iox.text.0.1.zz", "io.text.0.x.zz"]
)
def test_jobs_without_the_prefix_are_ignored(name: str) -> None:
    assert compared([line(name, "9")], []).orphans == ()


@pytest.mark.parametrize("phase", [JobPhase.ENDING, JobPhase.ENDED, JobPhase.UNKNOWN])
def test_an_orphan_that_is_ending_or_unclear_is_left_alone(phase: JobPhase) -> None:
    assert compared([line("io.text.0.1.zz", "9", phase)], []).orphans == ()


def test_a_second_job_of_a_slot_is_an_orphan() -> None:
    mine, other = line("io.digits.s0.n1", "7"), line("io.digits.s0.n2", "8")
    found = compared([mine, other], [replica("digits", "7")])
    assert [view for _, view in found.seen] == [mine]
    assert [orphan.view for orphan in found.orphans] == [other]


def test_each_replica_of_a_service_is_seen_or_missing_by_itself() -> None:
    replicas = [replica("digits", str(slot), slot) for slot in range(3)]
    shown = line("io.digits.s1.n1", "1")
    found = compared([shown, line("io.digits.s3.n1", "3")], replicas)
    assert found.seen == (("digits", shown),)
    assert found.missing == (replicas[0], replicas[2])
    assert [orphan.name.slot for orphan in found.orphans] == [3]


@given(some.sets(some.integers(1, 30)), some.sets(some.integers(1, 30)))
def test_a_known_job_is_seen_or_missing_and_others_are_orphans(known, shown) -> None:
    replicas = [replica(f"r{n}", str(n)) for n in known]
    views = [line(f"io.r{n}.s0.n1", str(n)) for n in shown]
    found = compared(views, replicas)
    assert {route for route, _ in found.seen} == {f"r{n}" for n in known & shown}
    assert {one.route for one in found.missing} == {f"r{n}" for n in known - shown}
    assert {orphan.name.route for orphan in found.orphans} == {f"r{n}" for n in shown - known}


# -- what the controller does about it ----------------------------------------------------

READY = with_job("digits", State.READY, START - 100)
ORPHAN = line("io.digits.0.20001.zz", "9")


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Harness]:
    yield from harness(tmp_path, READY)


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[Harness]:
    yield from harness(tmp_path)


def test_a_missing_job_is_asked_about_and_not_taken_for_gone(ready: Harness) -> None:
    calls = ready.step(answer(asked_at=ready.now))
    assert ("fetch_end", "digits", ready.record().job) in calls
    assert ready.record().state is State.READY


def test_a_job_that_is_seen_is_noted(ready: Harness) -> None:
    shown = replace(line(READY.job.name, "7"), node="n1", end_time=5000.0)
    calls = ready.step(answer(shown, asked_at=ready.now))
    assert ready.record().job.end_time == 5000.0
    assert "fetch_end" not in names(calls)


def test_a_job_with_a_new_id_is_not_missing_from_an_older_answer(cold: Harness) -> None:
    cold.happen(ev.Demanded())
    asked_at = cold.now
    cold.happen(ev.Submitted(cold.record().job.name, "9"))
    assert "fetch_end" not in names(cold.step(answer(asked_at=asked_at)))
    assert "fetch_end" in names(cold.step(answer(asked_at=cold.now + 0.5)))


@pytest.mark.parametrize("state", [State.COLD, State.FAILED])
def test_an_orphan_of_an_idle_service_is_adopted(tmp_path: Path, state: State) -> None:
    for idle in harness(tmp_path, a_record("digits", state, START - 100)):
        calls = idle.step(answer(ORPHAN, asked_at=START))
        job = idle.record().job
        assert (job.name, job.job_id, job.port) == (ORPHAN.name, "9", 20001)
        assert spec_of(job) == idle.records.specs["digits"]
        assert idle.store.records["digits"].job == job
        assert cancelled(calls) == []


@pytest.mark.parametrize(
    "record",
    [
        READY,
        changed(READY, phase=Phase.DRAINING),
        a_record("digits", State.DISABLED, START - 100),
    ],
    ids=["ready", "draining", "disabled"],
)
def test_an_orphan_is_cancelled_where_none_is_wanted(tmp_path: Path, record: ServiceRecord) -> None:
    own = [replace(line(record.job.name, "7"), node="n1")] if record.job else []
    for busy in harness(tmp_path, record):
        assert cancelled(busy.step(answer(*own, ORPHAN, asked_at=START))) == ["9"]
        assert busy.record().job is None or busy.record().job.job_id == "7"


def test_an_orphan_of_an_unknown_service_is_cancelled(cold: Harness) -> None:
    calls = cold.step(answer(line("io.gone.0.1.zz", "9"), asked_at=START))
    assert ("cancel_orphan", LOGIN.id, "9") in calls


@pytest.mark.parametrize("since", [START, START + 1.0])
def test_a_stale_answer_neither_adopts_nor_cancels(tmp_path: Path, since: float) -> None:
    """The record became cold after squeue was asked: its own job may be in the answer."""
    for idle in harness(tmp_path, a_record("digits", State.COLD, since)):
        calls = idle.step(answer(ORPHAN, asked_at=START), after=2.0)
        assert idle.record().state is State.COLD
        assert cancelled(calls) == []


@pytest.mark.parametrize(
    "record",
    [changed(READY, resting_since=START + 1.0), a_record("digits", State.DISABLED, START + 1.0)],
    ids=["ready", "disabled"],
)
def test_a_stale_answer_cancels_nothing_in_any_state(tmp_path: Path, record: ServiceRecord) -> None:
    for other in harness(tmp_path, record):
        assert cancelled(other.step(answer(ORPHAN, asked_at=START), after=2.0)) == []


def test_a_job_of_another_login_of_the_account_is_no_orphan(tmp_path: Path) -> None:
    """Two logins that differ only in their key see each other's jobs."""
    services = configured("digits"), configured("text", ssh_key_file="other", local_port=9002)
    other = with_job("text", State.READY, START - 100, ssh_key_file="other")
    for both in harness(tmp_path, READY, other, services=services):
        calls = both.step(answer(line(other.job.name, "7"), asked_at=START))
        assert cancelled(calls) == []
        assert ("fetch_end", "digits", READY.job) not in calls  # the ids are the same


def test_a_job_is_missed_only_in_its_own_logins_answer(tmp_path: Path) -> None:
    services = configured("digits"), configured("text", ssh_username="al", local_port=9002)
    other = with_job("text", State.READY, START - 100, ssh_username="al")
    for both in harness(tmp_path, READY, other, services=services):
        asked = [c[1] for c in both.step(answer(asked_at=START)) if c[0] == "fetch_end"]
        assert asked == ["digits"]


def test_an_orphan_is_left_to_the_login_of_its_service(tmp_path: Path) -> None:
    services = configured("digits"), configured("text", ssh_key_file="other", local_port=9002)
    idle = a_record("digits", State.COLD, START - 100)
    for both in harness(tmp_path, idle, services=services):
        other = both.records.specs["text"].login
        calls = both.step(answer(ORPHAN, asked_at=START, login_id=other.id))
        assert (cancelled(calls), both.record().state) == ([], State.COLD)
        both.step(answer(ORPHAN, asked_at=START))
        assert both.record().state is State.QUEUED


def test_an_orphan_seen_by_another_account_is_cancelled(tmp_path: Path) -> None:
    services = configured("digits"), configured("text", ssh_username="al", local_port=9002)
    idle = a_record("digits", State.COLD, START - 100)
    for both in harness(tmp_path, idle, services=services):
        other = both.records.specs["text"].login
        calls = both.step(answer(ORPHAN, asked_at=START, login_id=other.id))
        assert cancelled(calls) == ["9"]


def test_a_logins_trouble_is_shown_and_ends(ready: Harness) -> None:
    trouble = Trouble("unreachable", "no route to host")
    ready.step(LoginState(LOGIN.id, trouble))
    assert ready.snapshot.trouble == {"digits": trouble}
    ready.step(LoginState(LOGIN.id))
    assert ready.snapshot.trouble == {}


def test_a_suspected_service_is_probed_soon(ready: Harness) -> None:
    assert ("probe_soon", "digits") in ready.step(Suspected("digits"))
    assert "probe_soon" not in names(ready.step(Suspected("unknown")))


# -- catalogues ---------------------------------------------------------------------------


def test_a_refused_catalogue_is_shown_and_changes_nothing(ready: Harness) -> None:
    problem = Problem("digits", "timeout", "-1", "must be positive")
    ready.step(CatalogueRefused((problem,)))
    assert ready.snapshot.config_error == (problem,)
    assert ready.record().state is State.READY
    ready.step(live(configured()))
    assert ready.snapshot.config_error == ()


def test_a_job_that_was_submitted_as_configured_goes_on(ready: Harness) -> None:
    ready.step(live(configured(timeout=7)))
    assert ready.record().state is State.READY


def test_a_job_that_was_submitted_otherwise_is_drained(ready: Harness) -> None:
    ready.step(live(configured(bash_file="other.sh")))
    assert (ready.record().state, ready.record().reason) == (State.DRAINING, Reason.CHANGED)


def test_an_edit_while_the_control_plane_was_down_counts(tmp_path: Path) -> None:
    """The stored job is compared, not what this process has read before."""
    for late in harness(tmp_path, READY, services=(configured(bash_file="other.sh"),)):
        late.step(live(configured(bash_file="other.sh")))
        assert late.record().reason is Reason.CHANGED


def test_a_failed_service_may_start_again_after_an_edit(tmp_path: Path) -> None:
    failed = a_record("digits", State.FAILED, START - 1, retry_at=START + 300, failures=3)
    for broken in harness(tmp_path, failed):
        broken.step(live(configured(timeout=7)))
        assert broken.record().state is State.FAILED
        broken.step(live(configured(timeout=7, bash_file="other.sh")))
        assert broken.record().state is State.COLD


def test_a_removed_service_is_drained_or_forgotten(ready: Harness) -> None:
    ready.step(live(configured("text", local_port=9002)))
    assert (ready.record().reason, ready.record().removed) == (Reason.REMOVED, True)
    ready.step(live())
    assert ready.records.get("text") is None
    assert "text" not in ready.snapshot.records


def test_a_service_that_is_added_again_while_it_drains_is_kept(ready: Harness) -> None:
    ready.step(live())
    ready.step(live(configured()))
    assert not ready.record().removed
    ready.happen(ev.JobOver(JobEnd("7", "CANCELLED")))
    assert ready.record().state is State.COLD


def test_the_version_changes_with_the_catalogue_only(ready: Harness) -> None:
    ready.step(live(configured()))
    since, version = ready.snapshot.version_since, ready.snapshot.version
    ready.step(live(configured()))
    assert (ready.snapshot.version_since, ready.snapshot.version) == (since, version)
    ready.step(live(configured(timeout=7)))
    assert ready.snapshot.version != version


def test_configured_logins_are_polled_for_orphan_jobs(cold: Harness) -> None:
    assert ("poll_queue", LOGIN.id) in cold.step(live(configured()))
    cold.step(answer(asked_at=cold.now))
    assert "poll_queue" not in names(cold.step(after=IDLE_EVERY - 10))
    assert "poll_queue" in names(cold.step(after=20.0))

"""The records during one pass: what changed, what must reach the disk, what is logged."""

from __future__ import annotations

from pathlib import Path

import pytest

from service_management.controller.job_spec import spec_of
from service_management.controller.records import Records
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Find, required_actions
from service_management.lifecycle.activity import Seen
from service_management.lifecycle.findings import Finding, Saw
from service_management.lifecycle.intervals import SOFT_SAVE
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.lifecycle.policy import DEMAND_COVERS
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import Reason, State
from service_management.slurm.job_names import parse_job_name
from service_management.store import Store
from tests.unit.controller.records_harness import NOW, given, happen, look, ready
from tests.unit.controller.samples import KEY_DIR, configured, with_job
from tests.unit.records import changed, only

NOT_COUNTABLE = Seen({0: None})


def queued() -> Records:
    kept = given()
    happen(kept, ev.Demanded("r1"))
    kept.take_changes()
    return kept


def test_a_new_service_begins_cold_and_known_ones_stay() -> None:
    kept = Records("io", KEY_DIR, {"digits": ready()})
    kept.configure({"digits": configured(), "text": configured("text")})
    assert {record.route: record for record in kept.all()} == {
        "digits": ready(),
        "text": ServiceRecord("text"),
    }
    assert set(kept.take_changes().records) == {"text"}


def test_an_event_for_an_unknown_service_does_nothing() -> None:
    kept = given()
    kept.apply("nothing", ev.Demanded(), NOW)
    assert kept.take_changes().records == {}


def test_an_intent_is_durable_and_its_submission_is_the_action() -> None:
    kept = given()
    happen(kept, ev.Demanded())
    changes = kept.take_changes()
    job = only(changes.records["digits"]).job
    assert changes.durable == {"digits"}
    assert changes.submissions == {job.name}


def test_a_job_has_an_unambiguous_name_and_its_spec() -> None:
    kept = given(remote_port="auto", min_replicas=2, max_replicas=2)
    job, other = (one.job for one in look(kept).replicas)
    name, second = parse_job_name(job.name), parse_job_name(other.name)
    assert (name.prefix, name.route, name.port) == ("io", "digits", None)
    assert (name.slot, second.slot) == (0, 1)
    assert str(job.port) not in job.name
    assert job.name != other.name
    assert spec_of(job) == kept.specs["digits"]


def test_a_service_is_active_while_it_has_a_job() -> None:
    kept = Records("io", KEY_DIR, {"digits": ready(), "text": ServiceRecord("text")})
    kept.configure({"digits": configured(), "text": configured("text")})
    assert kept.active() == [kept.get("digits")]
    kept.apply("text", ev.Demanded(), NOW)
    kept.plan("text", None, NOW)
    assert {record.route for record in kept.active()} == {"digits", "text"}
    job = kept.get("text").job
    kept.apply("text", ev.SubmitFailed(job.name, Reason.SUBMIT_REJECTED, "no"), NOW)
    kept.apply("digits", ev.Removed(), NOW)
    assert kept.active() == [kept.get("digits")]
    kept.apply("digits", ev.JobOver(JobEnd("7", "CANCELLED")), NOW)
    assert kept.active() == []


def test_services_that_are_kept_running_are_listed() -> None:
    kept = given(min_replicas=1)
    assert kept.always_on == {"digits"}
    kept.configure({"digits": configured()})
    assert kept.always_on == frozenset()


def test_without_a_configuration_nothing_starts_or_ends() -> None:
    """After a restart, before the configuration has been read."""
    kept = Records("io", KEY_DIR, {"digits": ready(), "text": ServiceRecord("text")})
    look(kept, Seen({0: 0}), NOW + 1e6)
    kept.apply("text", ev.Demanded(), NOW)
    kept.plan("text", Seen(held=3), NOW)
    assert kept.get("digits") == ready()
    assert not kept.get("text").active
    assert kept.take_changes().submissions == set()


def test_the_configurations_numbers_are_the_policy() -> None:
    kept = given({"digits": ready()}, timeout=7)
    happen(kept, ev.Demanded())
    assert look(kept, Seen({0: 0}), NOW + DEMAND_COVERS + 6.9).state is State.READY
    assert look(kept, Seen({0: 0}), NOW + DEMAND_COVERS + 7).state is State.DRAINING


def test_states_are_stored_at_once_and_activity_now_and_then() -> None:
    kept = given({"digits": ready()})
    saved = []
    for tenth in range(int(SOFT_SAVE * 20)):
        happen(kept, ev.Demanded(), NOW + tenth / 10)
        saved += kept.take_changes().durable
    assert len(saved) == 2
    happen(kept, ev.StopAsked(), NOW + tenth / 10)
    assert kept.take_changes().durable == {"digits"}


def test_a_record_that_did_not_change_is_not_written() -> None:
    kept = given({"digits": ready()})
    look(kept, NOT_COUNTABLE)
    changes = kept.take_changes()
    assert (changes.records, changes.durable, changes.entries) == ({}, set(), [])
    assert changes.touched == {"digits"}  # its actions are repeated all the same


def test_each_new_state_and_each_new_job_id_is_one_log_entry() -> None:
    kept = given()
    happen(kept, ev.Demanded("r1"))
    happen(kept, ev.Demanded("r2"))
    for held in (0, 1):
        look(kept, Seen(held=held))
    job = kept.get("digits").job
    for _ in range(2):
        happen(kept, ev.Submitted(job.name, "7"), NOW + 1)
    view = JobView("7", job.name, "RUNNING", JobPhase.RUNNING, node="n1")
    for _ in range(2):
        happen(kept, ev.JobSeen(view), NOW + 2)
    texts = [(entry.state, entry.text) for entry in kept.take_changes().entries]
    assert texts == [
        ("queued", "the job is being submitted (request r1)"),
        ("queued", "the job is waiting in Slurm's queue (job 7)"),
        (
            "starting",
            "the job is running; the service does not answer its health path yet (job 7 on n1)",
        ),
    ]


def test_a_failures_entry_has_all_that_is_known_of_the_attempt() -> None:
    kept = queued()
    refusal = ev.SubmitFailed(
        kept.get("digits").job.name, Reason.SUBMIT_REJECTED, "invalid partition", "sbatch"
    )
    happen(kept, refusal)
    assert [e.text for e in kept.take_changes().entries] == ["invalid partition\nCommand: sbatch"]


def test_the_line_of_a_job_that_ended_says_how() -> None:
    kept = given({"digits": ready()})
    happen(kept, ev.JobOver(JobEnd("7", "TIMEOUT")))
    [entry] = kept.take_changes().entries
    assert (entry.state, entry.reason) == ("failed", "ended_at_start")
    assert "(job 7: Slurm says TIMEOUT" in entry.text


def test_changes_that_were_not_committed_are_in_the_next_pass() -> None:
    kept = given()
    happen(kept, ev.Demanded("r1"))
    lost = kept.take_changes()
    kept.put_back(lost)
    job = kept.get("digits").job
    happen(kept, ev.Submitted(job.name, "7"), NOW + 1)
    changes = kept.take_changes()
    assert changes.records["digits"].job.job_id == "7"
    assert changes.durable == {"digits"}
    assert changes.submissions == {job.name}
    assert [entry.state for entry in changes.entries] == ["queued", "queued"]


def test_newer_changes_win_over_those_given_back() -> None:
    kept = given()
    happen(kept, ev.Demanded())
    lost = kept.take_changes()
    happen(kept, ev.StopAsked(), NOW + 1)
    kept.put_back(lost)
    assert kept.take_changes().records["digits"].state is State.DRAINING


def test_newer_changes_keep_their_durability() -> None:
    kept = given({"digits": ready()})
    happen(kept, ev.Demanded())
    kept.take_changes()
    happen(kept, ev.Demanded(), NOW + 0.1)
    lost = kept.take_changes()
    assert lost.durable == set()
    happen(kept, ev.StopAsked(), NOW + 1)
    kept.put_back(lost)
    assert kept.take_changes().durable == {"digits"}


def test_a_removed_service_without_a_job_is_forgotten() -> None:
    kept = given()
    kept.configure({})
    happen(kept, ev.Removed())
    changes = kept.take_changes()
    assert (changes.forgotten, changes.records, kept.all()) == ({"digits"}, {}, [])


def test_start_counters_of_a_forgotten_service_go_with_it() -> None:
    kept = given()
    happen(kept, ev.Demanded())
    assert kept.start_counters.submissions() == {"digits": 1}
    job = kept.get("digits").job
    kept.configure({})
    happen(kept, ev.Removed())
    happen(kept, ev.SubmitFailed(job.name, Reason.SUBMIT_REJECTED, "no"), NOW + 1)
    assert kept.all() == []
    counters = kept.start_counters
    assert (counters.submissions(), counters.failures(), counters.phases()) == ({}, {}, {})


def test_a_service_that_is_added_again_begins_cold_and_is_stored() -> None:
    kept = given({"digits": ready()})
    happen(kept, ev.Removed())
    kept.configure({"digits": configured()})
    happen(kept, ev.JobOver(JobEnd("7", "CANCELLED")), NOW + 1)
    changes = kept.take_changes()
    assert kept.get("digits") == ServiceRecord("digits", resting_since=NOW + 1)
    assert (changes.forgotten, changes.durable) == ({"digits"}, {"digits"})
    assert list(changes.records.values()) == kept.all()


@pytest.fixture
def store(tmp_path: Path):
    store = Store(f"sqlite:///{tmp_path}/state.db")
    yield store
    store.close()


def test_after_a_kill_before_acting_the_job_is_looked_for(
    store: Store,
) -> None:
    before = given()
    happen(before, ev.Demanded())
    changes = before.take_changes()
    store.save(changes.records.values(), changes.forgotten, changes.entries)
    # Here it is killed: whether sbatch ran is not known.
    after = given(store.load())
    happen(after, ev.Demanded(), NOW + 1, Seen(held=300))
    assert after.take_changes().submissions == set()
    assert required_actions(only(after.get("digits"))) == (Find(before.get("digits").job),)
    assert after.get("digits").job == before.get("digits").job


def test_two_jobs_never_get_the_same_automatic_port(monkeypatch) -> None:
    """Both may run on one node, and the wrong service would answer the health path."""
    kept = given(remote_port="auto")
    kept.configure({route: configured(route, remote_port="auto") for route in ("digits", "text")})
    drawn = iter([1, 1, 2])
    monkeypatch.setattr("secrets.randbelow", lambda _below: next(drawn))
    for route in ("digits", "text"):
        kept.apply(route, ev.Demanded(), NOW)
        kept.plan(route, None, NOW)
    assert kept.get("digits").job.port != kept.get("text").job.port


def test_events_of_a_running_service_prepare_no_new_job(monkeypatch) -> None:
    kept = given({"digits": ready()}, remote_port="auto")
    monkeypatch.setattr("secrets.token_hex", lambda _size: pytest.fail("a job was made"))
    job = kept.get("digits").job
    running = JobView("7", job.name, "RUNNING", JobPhase.RUNNING, node="n1")
    for event in (
        ev.Demanded(),
        ev.Probed(job.name, ev.Health.HEALTHY),
        ev.JobSeen(running),
    ):
        happen(kept, event, seen=Seen({0: 0}))
    assert kept.get("digits").state is State.READY


def test_a_restart_submits_once_the_old_job_has_ended() -> None:
    kept = given({"digits": ready()})
    old = kept.get("digits").job
    happen(kept, ev.RestartAsked())
    assert kept.get("digits").state is State.DRAINING
    assert kept.take_changes().submissions == set()
    happen(kept, ev.JobOver(JobEnd("7", "CANCELLED")))
    assert kept.get("digits").state is State.QUEUED
    assert kept.get("digits").job.name != old.name


def ended_after(state: State, seconds: float, **keys: object) -> bool:
    """Whether a service is no longer in its state when so much time has passed."""
    record = changed(
        with_job("digits", state, NOW), last_demand=NOW, last_activity=NOW, reason=Reason.STOPPED
    )
    kept = given({"digits": record}, **keys)
    probed = ev.Probed(only(record).job.name, ev.Health.UNHEALTHY, seconds)
    seen = Seen({0: int(state is State.DRAINING)})
    after = only(happen(kept, probed, NOW + seconds, seen))
    return after.cancelled if state is State.DRAINING else after.phase is not only(record).phase


@pytest.mark.parametrize(
    ("key", "state"),
    [
        ("timeout", State.READY),
        ("queue_timeout", State.QUEUED),
        ("startup_timeout", State.STARTING),
        ("request_timeout", State.DRAINING),
    ],
)
def test_each_budget_of_the_configuration_ends_its_state(key: str, state: State) -> None:
    others = dict.fromkeys(BUDGETS, 5000)
    assert not ended_after(state, 99, **{**others, key: 100})
    assert ended_after(state, 100, **{**others, key: 100})
    assert not ended_after(state, 100, **others)


BUDGETS = ("timeout", "queue_timeout", "startup_timeout", "request_timeout")


@pytest.mark.parametrize("state", [State.READY, State.QUEUED])
def test_a_service_that_is_kept_running_has_no_idle_budget(state: State) -> None:
    keys = {"timeout": 100, "queue_timeout": 100}
    assert ended_after(state, 100, **keys)
    assert not ended_after(state, 100, min_replicas=1, **keys)


def test_a_finding_is_an_event_once_however_often_it_returns() -> None:
    kept = given({"digits": with_job("digits", State.STARTING, NOW)})
    loading, wrong = Finding(Saw.ANSWER, "/health", 503), Finding(Saw.ANSWER, "/health", 404)
    for finding in (Finding(Saw.REFUSED, "/health"), loading, loading, wrong, loading, wrong):
        name = kept.get("digits").job.name
        happen(kept, ev.Probed(name, ev.Health.UNHEALTHY, 0.1, finding))
    assert [entry.text for entry in kept.take_changes().entries] == [
        "GET /health answers 503: still loading? (job 7 on n1)",
        "GET /health answers 404: is check_health_path right? (job 7 on n1)",
    ]


def test_a_repeated_finding_is_saved_now_and_then_only() -> None:
    kept = given({"digits": with_job("digits", State.STARTING, NOW)})
    saved = []
    for tenth in range(int(SOFT_SAVE * 20)):
        name, finding = kept.get("digits").job.name, Finding(Saw.REFUSED, "/health")
        probed = ev.Probed(name, ev.Health.UNHEALTHY, 0.1, finding)
        happen(kept, probed, NOW + tenth / 10)
        saved += kept.take_changes().durable
    assert len(saved) == 2

"""What becomes of each answer of Slurm, and when an action is started again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from service_management.controller.executor import Executor
from service_management.controller.inbox import Happened, Item, LoginState, QueueAnswer
from service_management.controller.job_spec import spec_of
from service_management.controller.public_view import Trouble
from service_management.controller.workers import Workers
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Action, Cancel, Find, Probe, Submit, Tunnel
from service_management.lifecycle.intervals import CANCEL_EVERY, FIND_EVERY
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, Reason, State
from service_management.slurm import outcomes
from service_management.ssh.call_counts import CallCounts
from tests.stack.waiting import wait_for
from tests.unit.controller.fake_slurm import UNKNOWN, FakeSlurm, UnusedBackend
from tests.unit.controller.samples import configured, with_job, with_jobs
from tests.unit.records import only

NOW = 1000.0
QUEUED = only(with_job("digits", State.QUEUED, NOW - 30))
SUBMITTING = QUEUED.with_job(job_id="", node="")
JOB, NEW = QUEUED.job, SUBMITTING.job
LOGIN = spec_of(JOB).login
VIEW = JobView("7", JOB.name, "RUNNING", JobPhase.RUNNING, node="n1")


@dataclass
class Bench:
    executor: Executor
    slurm: FakeSlurm
    items: list[Item] = field(default_factory=list)

    def start(self, action: Action, replica: Replica = QUEUED, now: float = NOW) -> None:
        self.executor.start(replica, action, now)
        self.executor.flush()

    def after(self, number: int) -> list[Item]:
        """All items, once the work is done: so many are expected."""
        items = self.done()
        assert len(items) == number
        return items

    def done(self) -> list[Item]:
        worker = self.executor.workers.of(LOGIN)
        wait_for("the work is done", lambda: not worker._running, 10)
        return self.items

    def event(self) -> ev.Event:
        [item] = self.after(1)
        assert isinstance(item, Happened)
        assert item.route == "digits"
        return item.event

    def called(self, name: str) -> list[tuple[object, ...]]:
        return [call[1:] for call in self.slurm.calls if call[0] == name]


@pytest.fixture
def bench() -> Iterator[Bench]:
    slurm, items = FakeSlurm(), []
    workers = Workers(UnusedBackend(), CallCounts(), lambda _connection, _counts: slurm)
    with tempfile.TemporaryDirectory() as run_dir:
        executor = Executor(
            workers,
            Path(run_dir),
            items.append,
            lambda _: configured(),
            lambda _: True,
            lambda: NOW,
        )
        yield Bench(executor, slurm, items)
        slurm.go.set()
        workers.close()


# -- unknown is not gone ------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask",
    [
        lambda bench: bench.start(Submit(NEW), SUBMITTING),
        lambda bench: bench.start(Find(NEW), SUBMITTING),
        lambda bench: bench.start(Cancel(JOB)),
        lambda bench: bench.start(Tunnel(JOB)),
        lambda bench: bench.executor.fetch_end("digits", JOB),
        lambda bench: bench.executor.look_at_job("digits", JOB),
        lambda bench: bench.executor.poll_queue(LOGIN, NOW),
        lambda bench: (
            bench.executor.workers.of(LOGIN),
            bench.executor.ask_orphan_port(LOGIN.id, VIEW, NOW),
        ),
    ],
    ids=["submit", "find", "cancel", "tunnel", "end", "look", "queue", "port"],
)
def test_an_unknown_answer_is_trouble_and_no_event(bench: Bench, ask) -> None:
    ask(bench)
    assert set(bench.done()) == {LoginState(LOGIN.id, Trouble(UNKNOWN.kind, UNKNOWN.message))}


# -- outcomes -----------------------------------------------------------------------------


def test_an_accepted_submission_has_an_id(bench: Bench) -> None:
    bench.slurm.submitted = outcomes.Accepted("9")
    bench.start(Submit(replace(NEW, intended_at=NOW - 3)), SUBMITTING)
    assert bench.event() == ev.Submitted(NEW.name, "9")
    assert bench.called("submit") == [(NEW.name, 3.0)]


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (outcomes.Rejected("invalid partition"), Reason.SUBMIT_REJECTED),
        (outcomes.NotSubmitted("no route to host", "unreachable"), Reason.CLUSTER_UNREACHABLE),
    ],
)
def test_a_refused_submission_says_why(bench: Bench, outcome, reason: Reason) -> None:
    bench.slurm.submitted = outcome
    bench.start(Submit(NEW), SUBMITTING)
    event = bench.event()
    assert isinstance(event, ev.SubmitFailed)
    assert (event.job_name, event.reason) == (NEW.name, reason)
    assert outcome.message in event.text
    assert "sbatch" in event.command


def test_without_another_node_the_refusal_says_what_to_do(bench: Bench) -> None:
    said = "Batch job submission failed: Requested node configuration is not available"
    bench.slurm.submitted = outcomes.Rejected(said)
    bench.start(Submit(replace(NEW, apart_from=("n1",))), SUBMITTING)
    event = bench.event()
    assert isinstance(event, ev.SubmitFailed)
    assert event.text == (
        f"Slurm refused the job: {said}, not on n1, where another replica has its port: "
        'set remote_port to "auto", or ask for fewer replicas'
    )
    assert "--exclude=n1" in event.command


def test_a_job_that_is_found_is_named_and_seen(bench: Bench) -> None:
    bench.slurm.found = {NEW.name: VIEW}
    bench.start(Find(NEW), SUBMITTING)
    events = [item.event for item in bench.after(2)]
    assert events == [ev.Submitted(NEW.name, "7"), ev.JobSeen(VIEW)]


def test_a_name_that_slurm_does_not_have_is_absent(bench: Bench) -> None:
    bench.slurm.found = {NEW.name: None}
    bench.start(Find(NEW), SUBMITTING)
    assert bench.event() == ev.JobAbsent(NEW.name)


def test_an_answered_cancellation_is_no_event(bench: Bench) -> None:
    bench.slurm.cancelled = True
    bench.start(Cancel(JOB))
    assert bench.after(0) == []


def test_an_end_comes_with_output_and_command(bench: Bench) -> None:
    bench.slurm.end, bench.slurm.lines = JobEnd("7", "FAILED", exit_code=1), ("oops",)
    bench.executor.fetch_end("digits", JOB)
    event = bench.event()
    assert isinstance(event, ev.JobOver)
    assert (event.end.state, event.end.output) == ("FAILED", ("oops",))
    assert "sbatch" in event.command


def test_a_missing_job_that_is_still_there_is_seen(bench: Bench) -> None:
    bench.slurm.end = outcomes.StillThere(VIEW)
    bench.executor.fetch_end("digits", JOB)
    assert bench.event() == ev.JobSeen(VIEW)


def test_polling_a_new_job_reports_that_it_runs(bench: Bench) -> None:
    bench.slurm.end = outcomes.StillThere(VIEW)
    bench.executor.look_at_job("digits", JOB)
    assert bench.event() == ev.JobSeen(VIEW)


def test_polling_a_new_job_ends_nothing(bench: Bench) -> None:
    bench.slurm.end = JobEnd("7", "UNKNOWN")
    bench.executor.look_at_job("digits", JOB)
    assert bench.after(0) == []


def test_an_answer_of_squeue_carries_when_it_was_asked(bench: Bench) -> None:
    bench.slurm.views = [VIEW]
    bench.executor.poll_queue(LOGIN, NOW)
    assert bench.after(2) == [LoginState(LOGIN.id), QueueAnswer(LOGIN.id, [VIEW], NOW)]


def test_a_probe_without_a_tunnel_is_silent(bench: Bench) -> None:
    bench.start(Probe(JOB))
    assert bench.event() == ev.Probed(JOB.name, ev.Health.SILENT)


@pytest.mark.parametrize("phase", [Phase.READY, Phase.STARTING])
def test_only_a_ready_services_probe_waits_for_a_pass(bench: Bench, phase: Phase) -> None:
    bench.start(Probe(JOB), replace(QUEUED, phase=phase))
    [item] = bench.after(1)
    assert item.waits == (phase is Phase.READY)


# -- when -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "replica", "pause"),
    [(Cancel(JOB), QUEUED, CANCEL_EVERY), (Find(NEW), SUBMITTING, FIND_EVERY)],
    ids=["cancel", "find"],
)
def test_an_action_is_repeated_after_its_pause_only(bench: Bench, action, replica, pause) -> None:
    name = type(action).__name__.lower()
    for now, number in ((NOW, 1), (NOW + pause - 0.1, 1), (NOW + pause, 2)):
        bench.start(action, replica, now)
        bench.after(number)
        assert len(bench.called(name)) == number


def test_a_job_is_not_looked_for_while_it_is_submitted(bench: Bench) -> None:
    bench.slurm.go.clear()
    bench.start(Submit(NEW), SUBMITTING)
    bench.start(Find(NEW), SUBMITTING)
    bench.slurm.go.set()
    bench.after(1)
    assert bench.called("find") == []


def test_a_probe_can_be_requested_early(bench: Bench) -> None:
    bench.start(Probe(JOB))
    bench.after(1)
    bench.start(Probe(JOB))
    bench.after(1)
    bench.executor.probe_soon(QUEUED)
    bench.start(Probe(JOB))
    bench.after(2)


def test_a_probe_requested_early_is_of_this_replica_only(bench: Bench) -> None:
    first, second = with_jobs("digits", NOW, State.STARTING, State.STARTING).replicas
    for replica in (first, second):
        bench.start(Probe(replica.job), replica)
    bench.after(2)
    bench.executor.probe_soon(second)
    for replica in (first, second):
        bench.start(Probe(replica.job), replica)
    probed = [item.event.job_name for item in bench.after(3)]
    assert (probed.count(first.job.name), probed.count(second.job.name)) == (1, 2)


def test_replicas_of_one_service_are_cancelled_in_one_call(bench: Bench) -> None:
    draining = with_jobs("digits", NOW, State.DRAINING, State.DRAINING, State.DRAINING)
    for one in draining.replicas:
        bench.executor.start(one, Cancel(one.job), NOW)
    bench.executor.flush()
    bench.after(1)
    assert bench.called("cancel") == [("7", "8", "9")]


def jobs(number: int, **changes: str) -> list[Job]:
    return [
        replace(JOB, name=f"io.s{n}.s0.{n:04}", **{"job_id": str(n), **changes})
        for n in range(number)
    ]


def test_cancellations_meanwhile_are_one_call(bench: Bench) -> None:
    bench.slurm.go.clear()
    for job in jobs(100):
        bench.start(Cancel(job))
    bench.executor.cancel_orphan(LOGIN.id, "orphan")
    bench.slurm.go.set()
    bench.after(1)
    bench.executor.flush()
    bench.after(2)
    first, second = bench.called("cancel")
    assert first == ("0",)
    assert second == (*map(str, range(1, 100)), "orphan")


def test_searches_of_one_pass_are_one_call(bench: Bench) -> None:
    unanswered = jobs(100, job_id="")
    for job in unanswered:
        bench.executor.start(SUBMITTING, Find(job), NOW)
    bench.executor.flush()
    bench.after(1)
    assert bench.called("find") == [tuple(job.name for job in unanswered)]


def test_very_many_jobs_take_several_calls(bench: Bench) -> None:
    for job in jobs(500):
        bench.executor.start(QUEUED, Cancel(job), NOW)
    for number in (1, 2, 3):
        bench.executor.flush()
        bench.after(number)
    assert sorted(len(call) for call in bench.called("cancel")) == [100, 200, 200]


def test_an_orphan_of_a_forgotten_login_is_left_to_a_later_poll(bench: Bench) -> None:
    bench.executor.cancel_orphan("unknown", "9")
    bench.executor.flush()
    assert bench.called("cancel") == []

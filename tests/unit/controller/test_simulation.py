"""A service with lost answers, crashes and requeued jobs: never more jobs than replicas, no orphan,
and once the faults stop requests are served."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from service_management.lifecycle import events as ev
from service_management.lifecycle.job_views import JobPhase
from service_management.lifecycle.states import State

from .simulation import POLICY, Simulation

FATES = ["answered", "answered", "unanswered", "late", "lost", "refused"]
QUESTIONS = ["queue", "queue", "find", "probe", "cancel", "post_mortem"]
OPERATORS = [
    ev.StartAsked(),
    ev.StopAsked(),
    ev.StopAsked(hurry=True),
    ev.RestartAsked(),
    ev.DisableAsked(),
    ev.EnableAsked(),
    ev.Removed(),
    ev.Restored(),
]


class Service(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.service = Simulation()

    @initialize(begun=some.booleans(), least=some.sampled_from([0, 0, 2]))
    def begin(self, begun: bool, least: int) -> None:
        self.service.policy = replace(POLICY, min_replicas=least, max_replicas=max(1, least))
        if begun:
            self.service.settle(wanted=True)
            assert self.service.record.state is State.READY

    @rule()
    def demand(self) -> None:
        self.service.happen(ev.Demanded())

    @rule(
        pause=some.sampled_from([0.1, 0.1, 1.0, 3.0, 10.0, 31.0, 61.0, 600.0]),
        inflight=some.sampled_from([0, 0, 1, None]),
        held=some.integers(0, 1),
    )
    def tick(self, pause: float, inflight: int | None, held: int) -> None:
        self.service.tick(pause, inflight, held)

    @rule(fate=some.sampled_from(FATES))
    def submit(self, fate: str) -> None:
        self.service.submit(fate)

    @rule()
    def a_late_submission_arrives(self) -> None:
        self.service.slurm.land()

    @rule(kind=some.sampled_from(QUESTIONS))
    def ask(self, kind: str) -> None:
        self.service.ask(kind)

    @rule(kind=some.sampled_from(QUESTIONS))
    def take_answer(self, kind: str) -> None:
        self.service.take_answer(kind)

    @rule(kind=some.sampled_from(QUESTIONS))
    def lose_an_answer(self, kind: str) -> None:
        self.service.underway.pop(kind, None)

    @rule()
    def crash(self) -> None:
        self.service.crash()

    @rule(event=some.sampled_from(OPERATORS))
    def operate(self, event: ev.Event) -> None:
        self.service.happen(event)

    @rule()
    def edit(self) -> None:
        record = self.service.record
        names = frozenset(one.job.name for one in record.replicas) if record else frozenset()
        self.service.happen(ev.Changed(names))

    @rule(phase=some.sampled_from(JobPhase), node=some.sampled_from(["n1", "n2"]))
    def slurm_moves_a_job(self, phase: JobPhase, node: str) -> None:
        """Start, crash, requeue (through ENDING back to WAITING): Slurm does as it likes."""
        for job in self.service.slurm.live():
            if phase is not JobPhase.UNKNOWN:
                job.phase, job.healthy = phase, False
                job.node = node if phase is JobPhase.RUNNING else ""

    @rule(healthy=some.booleans())
    def health_changes(self, healthy: bool) -> None:
        for job in self.service.slurm.live():
            job.healthy = healthy and job.phase is JobPhase.RUNNING

    @invariant()
    def never_more_jobs_than_replicas_exist_or_are_on_their_way(self) -> None:
        """What Slurm only cleans up after is one no more."""
        slurm = self.service.slurm
        there = [job for job in slurm.live() if job.phase is not JobPhase.ENDING]
        ahead = len(slurm.on_the_way) + len(self.service.to_submit)
        assert len(there) + ahead <= self.service.policy.max_replicas

    @invariant()
    def no_job_is_an_orphan(self) -> None:
        """Whatever lives on the cluster is known by its name, so that a crash cannot lose it."""
        record = self.service.record
        known = {one.job.name for one in record.replicas} if record else set()
        assert known >= {job.name for job in self.service.slurm.live()}

    @invariant()
    def no_name_is_submitted_twice(self) -> None:
        names = [job.name for job in self.service.slurm.jobs]
        assert len(set(names)) == len(names)
        assert len(set(self.service.submitted)) == len(self.service.submitted)

    def teardown(self) -> None:
        """The faults stop. Requests are served; then there are none, and no job is left."""
        for wanted in (True, False):
            self.service.settle(wanted=wanted)
            assert self.service.settled(wanted), (wanted, self.service.record)
        least = self.service.policy.min_replicas
        gone = self.service.record is None or not self.service.record.enabled
        assert len(self.service.slurm.live()) == (0 if gone else least)


def test_a_submission_that_arrives_late_is_the_only_one() -> None:
    simulation = Simulation()
    simulation.happen(ev.Demanded())
    simulation.submit("late")
    for _ in range(46):
        simulation.tick(1.0, inflight=0, held=300)
        simulation.ask("find")
        simulation.take_answer("find")
    simulation.slurm.land()
    simulation.settle(wanted=True)
    assert simulation.record.state is State.READY
    assert [job.name for job in simulation.slurm.jobs] == simulation.submitted


def test_a_submission_that_was_lost_is_given_up_and_made_again() -> None:
    simulation = Simulation()
    simulation.happen(ev.Demanded())
    simulation.crash()
    simulation.settle(wanted=True)
    assert simulation.record.state is State.READY
    assert len(simulation.submitted) == 2
    assert len(simulation.slurm.jobs) == 1


TestService = Service.TestCase
TestService.settings = settings(stateful_step_count=30)

"""A small model of Slurm, of the way to it, and of a control plane that can be killed.

It does what loop.py and executor.py do with one service, step by step: what was decided is
"saved" (the record survives a crash), then acted on. Each question to the cluster is asked
at one moment and answered at a later one, or never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from service_management.controller.inbox import QueueAnswer
from service_management.controller.reconcile import match
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Cancel, Find, Probe, required_actions
from service_management.lifecycle.activity import Seen
from service_management.lifecycle.decision import Context
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.lifecycle.planner import planned
from service_management.lifecycle.policy import Policy
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job
from service_management.lifecycle.states import Reason, State
from service_management.lifecycle.transitions import decide

POLICY = Policy(timeout=30.0, startup_timeout=100.0, queue_timeout=500.0, drain_timeout=50.0)
LANDS_WITHIN = 47.0  # the deadline on the login host, and the longest that sbatch may take
ANSWERS_WITHIN = 20.0


@dataclass
class SlurmJob:
    name: str
    id: str
    phase: JobPhase = JobPhase.WAITING
    node: str = ""
    healthy: bool = False

    def view(self) -> JobView:
        return JobView(self.id, self.name, self.phase.name, self.phase, node=self.node)


@dataclass
class Slurm:
    jobs: list[SlurmJob] = field(default_factory=list)
    on_the_way: list[tuple[str, float]] = field(default_factory=list)  # sbatch not run yet

    def sbatch(self, name: str) -> SlurmJob:
        job = SlurmJob(name, str(len(self.jobs) + 1))
        self.jobs.append(job)
        return job

    def land(self) -> None:
        for name, _until in self.on_the_way:
            self.sbatch(name)
        self.on_the_way.clear()

    def pass_time(self, now: float) -> None:
        self.on_the_way = [(name, until) for name, until in self.on_the_way if now < until]

    def live(self) -> list[SlurmJob]:
        return [job for job in self.jobs if job.phase is not JobPhase.ENDED]

    def named(self, name: str) -> SlurmJob | None:
        return next((job for job in self.jobs if job.name == name), None)

    def scancel(self, job_id: str) -> None:
        for job in self.live():
            if job.id == job_id:
                job.phase, job.healthy = JobPhase.ENDING, False


@dataclass
class Simulation:
    now: float = 1000.0
    policy: Policy = POLICY
    record: ServiceRecord | None = field(default_factory=lambda: ServiceRecord("s"))
    slurm: Slurm = field(default_factory=Slurm)
    to_submit: list[Job] = field(default_factory=list)
    required: list[object] = field(default_factory=list)
    underway: dict[str, Sequence[ev.Event] | QueueAnswer] = field(default_factory=dict)
    learned: dict[str, float] = field(default_factory=dict)
    submitted: list[str] = field(default_factory=list)
    fresh: int = 0  # jobs named so far

    # -- the control plane

    def happen(self, event: ev.Event) -> None:
        if self.record is None:
            return
        self.record = decide(self.record, event, self._context())
        if isinstance(event, ev.Submitted):
            self.learned[event.job_name] = self.now
        self._plan(None)

    def tick(self, pause: float, inflight: int | None, held: int) -> None:
        self.now += pause
        self.slurm.pass_time(self.now)
        if pause > ANSWERS_WITHIN:
            self.underway.clear()
        replicas = self.record.replicas if self.record else ()
        self._plan(Seen({one.slot: inflight for one in replicas}, held))

    def _plan(self, seen: Seen | None) -> None:
        if self.record is None:
            self.required = []
            return
        known = {one.job.name for one in self.record.replicas}
        self.record = planned(self.record, seen, self._context(), self._fresh)
        new = [one.job for one in self.record.replicas if one.job.name not in known]
        self.to_submit += new
        self.submitted += [job.name for job in new]
        self.required = [one for r in self.record.replicas for one in required_actions(r)]

    def _context(self) -> Context:
        return Context(self.now, self.policy)

    def _fresh(self, slot: int) -> Job:
        self.fresh += 1
        return Job(f"io.s.s{slot}.n{self.fresh}", 1, self.now)

    def crash(self) -> None:
        """Only the record survives, and what is already on its way to the cluster."""
        self.to_submit.clear()
        self.underway.clear()
        self.learned.clear()
        self.required = []

    # -- what it asks of the cluster

    def submit(self, fate: str) -> None:
        if not self.to_submit:
            return
        name = self.to_submit.pop(0).name
        if fate == "refused":
            self.happen(ev.SubmitFailed(name, Reason.SUBMIT_REJECTED, "no"))
        elif fate == "late":
            self.slurm.on_the_way.append((name, self.now + LANDS_WITHIN))
        elif fate in ("answered", "unanswered"):
            job = self.slurm.sbatch(name)
            if fate == "answered":
                self.happen(ev.Submitted(name, job.id))

    def ask(self, kind: str) -> None:
        """The same question is not asked twice at a time. What is true now will be the answer."""
        if kind in self.underway:
            return
        if kind == "queue":
            views = [job.view() for job in self.slurm.live()]
            self.underway[kind] = QueueAnswer("login", views, self.now)
            return
        asked = [one for one in self.required if type(one).__name__.lower() == kind]
        if asked:
            self.underway[kind] = [event for one in asked for event in self._answer(one)]

    def _answer(self, action: object) -> Sequence[ev.Event]:
        if isinstance(action, Find):
            found = self.slurm.named(action.job.name)
            if found is None:
                return [ev.JobAbsent(action.job.name)]
            return [ev.Submitted(found.name, found.id), ev.JobSeen(found.view())]
        if isinstance(action, Cancel):
            self.slurm.scancel(action.job.job_id)
        if isinstance(action, Probe):
            job = self.slurm.named(action.job.name)
            healthy = job is not None and job.healthy
            health = ev.Health.HEALTHY if healthy else ev.Health.UNHEALTHY
            return [ev.Probed(action.job.name, health)]
        return []

    def take_answer(self, kind: str) -> None:
        answer = self.underway.pop(kind, ())
        if isinstance(answer, QueueAnswer):
            self._compare(answer)
            return
        for event in answer:
            self.happen(event)

    def _compare(self, answer: QueueAnswer) -> None:
        replicas = self.record.replicas if self.record else ()
        found = match(answer, replicas, self.learned, "io")
        for _route, view in found.seen:
            self.happen(ev.JobSeen(view))
        ends = [event for one in found.missing for event in self._post_mortem(one.job.job_id)]
        if ends:
            self.underway["post_mortem"] = ends

    def _post_mortem(self, job_id: str) -> Sequence[ev.Event]:
        job = next(job for job in self.slurm.jobs if job.id == job_id)
        if job.phase is JobPhase.ENDED:
            return [ev.JobOver(JobEnd(job_id, "FAILED"))]
        return [ev.JobSeen(job.view())]

    # -- the faults stop

    def settle(self, *, wanted: bool) -> None:
        """Everything answers, jobs start and become healthy; time passes."""
        if self.record is not None:
            self.record = replace(self.record, failures=0)
        for _ in range(400):
            self.tick(2.0, inflight=0, held=int(wanted))
            while self.to_submit:
                self.submit("answered")
            for kind in ("find", "cancel", "probe", "queue", "post_mortem"):
                self.ask(kind)
                self.take_answer(kind)
            self._jobs_go_on()
            if self.settled(wanted):
                return

    def settled(self, wanted: bool) -> bool:
        if self.record is None or self.record.state is State.DISABLED:
            return not self.slurm.live()
        if wanted:
            return len(self.record.ready) == max(1, self.policy.min_replicas)
        if self.policy.min_replicas:
            return len(self.record.ready) == self.policy.min_replicas
        return self.record.state in (State.COLD, State.FAILED) and not self.slurm.live()

    def _jobs_go_on(self) -> None:
        for job in self.slurm.live():
            if job.phase is JobPhase.ENDING:
                job.phase = JobPhase.ENDED
            else:
                job.phase, job.node, job.healthy = JobPhase.RUNNING, "n1", True

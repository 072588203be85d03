"""A model of Slurm: nodes with GPUs, a queue that is served in order, walltimes, cleaning up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from benchmarks.simulate.agenda import Agenda
from benchmarks.simulate.trace import GPUS, NODES, OtherJob, Outage, SimulatedService
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView

BEGINS_AGAIN_AFTER = 120.0  # a requeued job is not started sooner
FAILS_AT_START = 0.01  # of the jobs


@dataclass(eq=False)
class ClusterJob:
    """`service` is None for the jobs of other users."""

    id: str
    name: str
    gpus: int
    seconds: float  # until it ends by itself, at its walltime or sooner
    ends_as: str
    service: SimulatedService | None = None
    phase: JobPhase = JobPhase.WAITING
    state: str = "PENDING"
    node: int = -1
    begins_at: float = 0.0  # not before
    started_at: float = 0.0
    loaded_at: float = float("inf")
    runs: int = 0  # starts: a requeued job has several

    @property
    def live(self) -> bool:
        return self.phase in (JobPhase.WAITING, JobPhase.RUNNING)

    def loaded(self, now: float) -> bool:
        return self.phase is JobPhase.RUNNING and now >= self.loaded_at

    def view(self) -> JobView:
        running = self.phase is JobPhase.RUNNING
        return JobView(
            self.id,
            self.name,
            self.state,
            self.phase,
            reason="" if running else "Priority",
            node=f"n{self.node}" if running else "",
            estimated_start=self.started_at if running else None,
            end_time=self.started_at + self.seconds if running else None,
        )


@dataclass
class Cluster:
    """`changed` is called whenever something happens to a job of a service."""

    number: int
    agenda: Agenda
    random: Random
    changed: Callable[[ClusterJob], None]
    ours: dict[str, ClusterJob] = field(default_factory=dict)  # by id, until they are over
    over: dict[str, JobEnd] = field(default_factory=dict)
    submitted: int = 0
    gpu_seconds: float = 0.0  # of our jobs that are over
    _free: list[int] = field(default_factory=lambda: [GPUS] * NODES)
    _down: set[int] = field(default_factory=set)
    _queue: deque[ClusterJob] = field(default_factory=deque)
    _running: set[ClusterJob] = field(default_factory=set)  # or being cleaned up
    _outages: dict[str, int] = field(default_factory=lambda: {"login": 0, "slurm": 0})

    # -- what is asked of it

    @property
    def reachable(self) -> bool:
        """By ssh."""
        return not self._outages["login"]

    @property
    def answers(self) -> bool:
        return self.reachable and not self._outages["slurm"]

    @property
    def running(self) -> int:
        """GPUs that our jobs have."""
        return sum(job.node >= 0 for job in self.ours.values())

    def sbatch(self, name: str, service: SimulatedService) -> ClusterJob:
        self.submitted += 1
        broken = self.random.random() < FAILS_AT_START
        seconds = self.random.uniform(1, service.loading) if broken else service.walltime
        job_id, ends_as = str(self.submitted), "FAILED" if broken else "TIMEOUT"
        job = ClusterJob(job_id, name, 1, seconds, ends_as, service)
        self.ours[job.id] = job
        self.changed(job)
        self._enqueue(job)
        return job

    def scancel(self, job_id: str) -> None:
        if (job := self.ours.get(job_id)) is not None:
            self._end(job, "CANCELLED")

    def named(self, name: str) -> ClusterJob | None:
        return next((job for job in self.ours.values() if job.name == name), None)

    def submit_other(self, other: OtherJob) -> None:
        self._enqueue(ClusterJob("", "", other.gpus, other.seconds, "COMPLETED"))

    def begin_outage(self, outage: Outage) -> None:
        if outage.what == "node":
            self._lose_node(self.random.randrange(NODES), outage.end)
            return
        self._outages[outage.what] += 1
        self.agenda.at(outage.end, lambda: self._end_outage(outage.what))

    # -- what it does by itself

    def _end_outage(self, what: str) -> None:
        self._outages[what] -= 1

    def _lose_node(self, node: int, until: float) -> None:
        self._down.add(node)
        for job in [one for one in self._running if one.node == node]:
            if job.phase is not JobPhase.RUNNING:
                continue
            if job.service and self.random.random() < 0.5:
                self._requeue(job)
            else:
                self._end(job, "NODE_FAIL")
        self.agenda.at(until, lambda: self._regain_node(node))

    def _regain_node(self, node: int) -> None:
        self._down.discard(node)
        self._schedule()

    def _requeue(self, job: ClusterJob) -> None:
        self._release(job)
        job.phase, job.state = JobPhase.WAITING, "PENDING"
        job.begins_at, job.loaded_at = self.agenda.now + BEGINS_AGAIN_AFTER, float("inf")
        self.changed(job)
        self.agenda.at(job.begins_at, lambda: self._enqueue(job) if job.live else None)

    def _enqueue(self, job: ClusterJob) -> None:
        self._queue.append(job)
        self._schedule()

    def _schedule(self) -> None:
        """In order: a large job at the head keeps back all behind it."""
        while self._queue:
            head = self._queue[0]
            if head.phase is not JobPhase.WAITING:  # cancelled
                self._queue.popleft()
                continue
            node = self._node_with(head.gpus)
            if node is None:
                return
            self._queue.popleft()
            self._start(head, node)

    def _node_with(self, gpus: int) -> int | None:
        fits = (n for n, free in enumerate(self._free) if free >= gpus and n not in self._down)
        return next(fits, None)

    def _start(self, job: ClusterJob, node: int) -> None:
        now, run = self.agenda.now, job.runs + 1
        self._free[node] -= job.gpus
        self._running.add(job)
        job.phase, job.state, job.node, job.started_at = JobPhase.RUNNING, "RUNNING", node, now
        job.runs = run

        def end() -> None:
            if job.runs == run and job.phase is JobPhase.RUNNING:
                self._end(job, job.ends_as)

        self.agenda.after(job.seconds, end)
        if job.service:
            job.loaded_at = now + job.service.loading
            self.agenda.at(job.loaded_at, lambda: self.changed(job))
            self.changed(job)

    def _end(self, job: ClusterJob, state: str) -> None:
        if job.phase is JobPhase.WAITING:
            self._forget(job, state)
        elif job.phase is JobPhase.RUNNING:
            job.phase, job.state = JobPhase.ENDING, "COMPLETING"
            self.agenda.after(
                self._cleanup() if job.service else 0.0, lambda: self._ended(job, state)
            )
        if job.service:
            self.changed(job)

    def _cleanup(self) -> float:
        """Seconds in COMPLETING: once in two hundred times an epilog hangs for an hour."""
        return 3600.0 if self.random.random() < 0.005 else self.random.uniform(0.5, 20)

    def _ended(self, job: ClusterJob, state: str) -> None:
        self._release(job)
        self._forget(job, state)
        self._schedule()

    def _release(self, job: ClusterJob) -> None:
        self._free[job.node] += job.gpus
        self._running.discard(job)
        if job.service:
            self.gpu_seconds += self.agenda.now - job.started_at
        job.node = -1

    def _forget(self, job: ClusterJob, state: str) -> None:
        job.phase, job.state = JobPhase.ENDED, state
        if self.ours.pop(job.id, None):
            self.over[job.id] = JobEnd(job.id, state, exit_code=1 if state == "FAILED" else 0)

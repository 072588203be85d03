"""Carries out what was decided, on threads of the login. Outcomes become events in the inbox.

Nothing here decides. Where Slurm or SSH gives no answer there is no event at all, only the login's
trouble, shown to people: unknown is not gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from service_management.config import Service
from service_management.controller.health_probes import HealthProbes
from service_management.controller.inbox import (
    ConnectionRefused,
    Happened,
    Item,
    LoginState,
    OrphanPort,
    QueueAnswer,
)
from service_management.controller.job_batch import JobBatch
from service_management.controller.job_spec import JobSpec, spec_of
from service_management.controller.job_tunnels import JobTunnels
from service_management.controller.priority_threads import Priority
from service_management.controller.public_view import Trouble
from service_management.controller.socket_paths import sockets
from service_management.controller.target import Target
from service_management.controller.workers import LoginWorker, Workers
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Action, Cancel, Find, Probe, Submit, Tunnel
from service_management.lifecycle.intervals import (
    CANCEL_EVERY,
    CONNECTION_KEPT,
    CONNECTIONS_EVERY,
    FIND_EVERY,
    TUNNEL_EVERY,
    probe_interval,
)
from service_management.lifecycle.job_views import JobEnd, JobView
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, Reason
from service_management.slurm import outcomes
from service_management.slurm.sbatch import NO_NODE, SubmitSpec, submit_command, without_values
from service_management.ssh.errors import ClusterError
from service_management.ssh.login import Login

_LOG = structlog.get_logger(__name__)
PAUSES: dict[type, float] = {
    Submit: 0.0,  # started only once
    Find: FIND_EVERY,
    Tunnel: TUNNEL_EVERY,
    Cancel: CANCEL_EVERY,
}


@dataclass
class Executor:
    """The real `Effects`."""

    workers: Workers
    run_dir: Path
    put: Callable[[Item], None]
    service: Callable[[str], Service | None]
    listens: Callable[[Path], bool]  # whether a tunnel's socket was there at the last look
    clock: Callable[[], float]
    _tunnels: JobTunnels = field(init=False)
    _probes: HealthProbes = field(init=False)
    _not_before: dict[tuple[str, type], float] = field(default_factory=dict)
    _needed: dict[tuple[str, int], float] = field(default_factory=dict)  # connection → last need
    _close_at: float = 0.0
    _logout: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "logout"))

    def __post_init__(self) -> None:
        self._tunnels = JobTunnels(self.run_dir, self._trouble, self._further_refused, self.listens)
        self._probes = HealthProbes(self.run_dir, self.put)
        self._cancels = JobBatch[None](Priority.CANCEL, self._cancel)
        self._finds = JobBatch[Target](Priority.FIND, self._find)

    # -- what the controller asks -----------------------------------------------------

    def start(self, replica: Replica, action: Action, now: float) -> None:
        kind, job = type(action), action.job
        if now < self._not_before.get((job.name, kind), 0.0) or self._needless(action):
            return
        pause = probe_interval(replica, now) if kind is Probe else PAUSES[kind]
        target = self._target(replica.route, job, ready=replica.phase is Phase.READY)
        if self._start(action, target):
            self._not_before[job.name, kind] = now + pause

    def flush(self) -> None:
        self._cancels.start(self.workers)
        self._finds.start(self.workers)

    def poll_queue(self, login: Login, now: float) -> None:
        worker = self.workers.of(login)
        worker.do("queue", Priority.POLL, lambda: self._ask_queue(worker, now))

    def fetch_end(self, route: str, job: Job) -> None:
        self._run(self._target(route, job), "end", Priority.END, self._ask_end)

    def look_at_job(self, route: str, job: Job) -> None:
        self._run(self._target(route, job), "look", Priority.POLL, self._look)

    def cancel_orphan(self, login_id: str, job_id: str) -> None:
        self._cancels.add(login_id, job_id, None)

    def ask_orphan_port(self, login_id: str, view: JobView, asked_at: float) -> None:
        if worker := self.workers.known(login_id):
            work = partial(self._ask_orphan_port, worker, view, asked_at)
            worker.do(("port", view.job_id), Priority.END, work)

    def close_tunnels_except(
        self, jobs: Iterable[Job], listening: frozenset[str], now: float
    ) -> None:
        self._tunnels.close_except(self.workers.all(), jobs, listening, now)

    def open_further_tunnel(self, replica: Replica, number: int) -> None:
        if replica.job.node:
            worker = self.workers.of(spec_of(replica.job).login)
            self._tunnels.open_further(worker, replica.job, number)

    def close_connections_except(self, needed: Set[tuple[str, int]], now: float) -> None:
        self._needed |= dict.fromkeys(needed, now)
        if now < self._close_at:
            return
        self._close_at = now + CONNECTIONS_EVERY
        kept = {one for one, at in self._needed.items() if now - at < CONNECTION_KEPT}
        self.workers.forget_except({login_id for login_id, _ in kept})
        self._logout.submit(self._close_connections_except, kept)

    def probe_soon(self, replica: Replica) -> None:
        self._not_before.pop((replica.job.name, Probe), None)
        self._probes.suspect(replica.job.name)

    def tunnel_is_up(self, job: Job, socket: Path) -> bool:
        return self._tunnels.is_up(job, socket)

    def forget_jobs_except(self, names: set[str]) -> None:
        for key in [key for key in self._not_before if key[0] not in names]:
            del self._not_before[key]
        self._tunnels.forget_jobs_except(names)
        self._probes.forget_jobs_except(names)

    # -- whether, and where -----------------------------------------------------------

    def _needless(self, action: Action) -> bool:
        job = action.job
        paths = sockets(self.run_dir, job)
        if isinstance(action, Tunnel):
            return not job.node or all(self.tunnel_is_up(job, path) for path in paths.required)
        if isinstance(action, Probe):
            # The tunnel still leads to an earlier node: the answer would be another job's.
            return self._tunnels.leads_elsewhere(job, paths.quiet)
        return isinstance(action, Find) and self._is_submitting(job)

    def _is_submitting(self, job: Job) -> bool:
        return self.workers.of(spec_of(job).login).busy((job.name, Submit))

    def _target(self, route: str, job: Job, *, ready: bool = False) -> Target:
        spec, service = spec_of(job), self.service(route)
        path = service.check_health_path if service else "/"
        return Target(route, job, spec, self.workers.of(spec.login), path, ready)

    def _start(self, action: Action, target: Target) -> bool:
        worker, job = target.worker, target.job
        if isinstance(action, Submit):
            return self._run(target, Submit, Priority.SUBMIT, self._submit)
        if isinstance(action, Probe):
            check = partial(self._probes.check, port_holder=action.port_holder)
            return worker.probe((job.name, Probe), partial(self._attempt, target, check))
        if isinstance(action, Tunnel):
            self._tunnels.open(worker, job, urgent=target.ready)
        elif isinstance(action, Cancel):
            self._cancels.add(worker.login.id, job.job_id, None)
        else:
            self._finds.add(worker.login.id, job.name, target)
        return True

    def _run(
        self, target: Target, kind: object, priority: Priority, work: Callable[[Target], None]
    ) -> bool:
        attempt = partial(self._attempt, target, work)
        return target.worker.do((target.job.name, kind), priority, attempt)

    def _close_connections_except(self, kept: Set[tuple[str, int]]) -> None:
        try:
            self.workers.backend.close_except(kept)
        except Exception:
            _LOG.exception("unneeded connections could not be closed")  # tried again soon

    # -- on a thread of the login -----------------------------------------------------

    def _attempt(self, target: Target, work: Callable[[Target], None]) -> None:
        try:
            work(target)
        except ClusterError as error:
            self._trouble(target.worker, error.kind, error.text)

    def _further_refused(self, worker: LoginWorker, number: int, text: str) -> None:
        _LOG.warning("no further SSH connection", login=str(worker.login), reason=text)
        self.put(ConnectionRefused(worker.login.id, number))

    def _trouble(self, worker: LoginWorker, kind: str, text: str) -> None:
        self.put(LoginState(worker.login.id, Trouble(kind, text)))

    def _report(self, target: Target, event: ev.Event) -> None:
        self.put(Happened(target.route, event))

    def _submit(self, target: Target) -> None:
        spec, job = submission(target.spec, target.job), target.job
        outcome = target.worker.client.submit(spec, self.clock() - job.intended_at)
        if isinstance(outcome, outcomes.Accepted):
            self._report(target, ev.Submitted(job.name, outcome.job_id))
        elif isinstance(outcome, outcomes.Unknown):
            self._trouble(target.worker, outcome.kind, outcome.message)
        else:
            self._report(target, _refused(outcome, spec, job))

    def _find(self, worker: LoginWorker, targets: dict[str, Target]) -> None:
        answer = worker.client.find(list(targets))
        if isinstance(answer, outcomes.Unknown):
            self._trouble(worker, answer.kind, answer.message)
            return
        for name, target in targets.items():
            found = answer[name]
            if found is None:
                self._report(target, ev.JobAbsent(name))
            else:
                self._report(target, ev.Submitted(name, found.job_id))
                self._report(target, ev.JobSeen(found))

    def _cancel(self, worker: LoginWorker, job_ids: dict[str, None]) -> None:
        outcome = worker.client.cancel(list(job_ids))
        if isinstance(outcome, outcomes.Unknown):
            self._trouble(worker, outcome.kind, outcome.message)

    def _look(self, target: Target) -> None:
        """An end is not believed here: that takes squeue's word too, that the job is missing."""
        outcome = target.worker.client.post_mortem(target.job.job_id)
        if isinstance(outcome, outcomes.StillThere):
            self._report(target, ev.JobSeen(outcome.view))
        elif isinstance(outcome, outcomes.Unknown):
            self._trouble(target.worker, outcome.kind, outcome.message)

    def _ask_end(self, target: Target) -> None:
        outcome = target.worker.client.post_mortem(target.job.job_id)
        if isinstance(outcome, JobEnd):
            command = submit_command(submission(target.spec, target.job))
            end = target.worker.client.with_output(outcome, target.spec.bash_file)
            self._report(target, ev.JobOver(end, command))
        elif isinstance(outcome, outcomes.StillThere):
            self._report(target, ev.JobSeen(outcome.view))
        else:
            self._trouble(target.worker, outcome.kind, outcome.message)

    def _ask_orphan_port(self, worker: LoginWorker, view: JobView, asked_at: float) -> None:
        port = worker.client.submitted_port(view.job_id)
        if isinstance(port, outcomes.Unknown):
            self._trouble(worker, port.kind, port.message)
            return
        self.put(OrphanPort(worker.login.id, view, port, asked_at))

    def _ask_queue(self, worker: LoginWorker, now: float) -> None:
        asked_at = time.monotonic()
        views = worker.client.queue()
        if isinstance(views, outcomes.Unknown):
            self._trouble(worker, views.kind, views.message)
            return
        worker.answered_at = asked_at
        self.put(LoginState(worker.login.id))
        self.put(QueueAnswer(worker.login.id, views, now))


def submission(spec: JobSpec, job: Job) -> SubmitSpec:
    return SubmitSpec(
        job_name=job.name,
        bash_file=spec.bash_file,
        port=job.port,
        sbatch_args=spec.sbatch_args,
        env={**dict(spec.env), **({"IO_JOB_TOKEN": job.token} if job.token else {})},
        apart_from=job.apart_from,
    )


def _refused(
    outcome: outcomes.Rejected | outcomes.NotSubmitted, spec: SubmitSpec, job: Job
) -> ev.SubmitFailed:
    command, text = submit_command(spec), without_values(outcome.message, spec)
    if isinstance(outcome, outcomes.Rejected):
        text = f"Slurm refused the job: {text}"
        if job.apart_from and NO_NODE.search(text):
            text = (
                f"{text.rstrip('.')}, {job.placement()}: "
                'set remote_port to "auto", or ask for fewer replicas'
            )
        return ev.SubmitFailed(spec.job_name, Reason.SUBMIT_REJECTED, text, command)
    return ev.SubmitFailed(spec.job_name, Reason.CLUSTER_UNREACHABLE, text, command, outcome.kind)

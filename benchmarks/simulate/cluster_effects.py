"""The actions of the controller, on simulated clusters: as `Executor` carries them out, with
answers that take their time, get lost, or come from a cluster that is down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.simulate.cluster import Cluster, ClusterJob
from benchmarks.simulate.world import World
from service_management.controller.executor import PAUSES
from service_management.controller.inbox import (
    Happened,
    Item,
    LoginState,
    OrphanPort,
    QueueAnswer,
)
from service_management.controller.job_spec import spec_of
from service_management.controller.public_view import Trouble
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Action, Cancel, Find, Probe, Submit, Tunnel
from service_management.lifecycle.intervals import probe_interval
from service_management.lifecycle.job_views import JobPhase, JobView
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, Reason
from service_management.ssh.errors import SshProblem
from service_management.ssh.login import Login

SILENT_FOR = 10.0  # a question to a cluster that is down fails after this time
LANDS_WITHIN = 40.0  # seconds; a submission without an answer
LOST = 0.005  # of the submissions have no answer
SLOW = 0.01  # of the calls take many seconds
Answer = Callable[[], None]


@dataclass(eq=False)
class ClusterEffects:
    """Of one process of the control plane: `alive` until it is killed."""

    world: World
    random: Random
    put: Callable[[Item], None]
    by_login: dict[str, Cluster]
    tunnels_changed: Callable[[str], None]
    alive: bool = True
    tunnels: dict[str, str] = field(default_factory=dict)  # job name → node
    ports: dict[str, int] = field(default_factory=dict)  # job name → port: Slurm remembers it
    _running: set[object] = field(default_factory=set)
    _not_before: dict[tuple[str, type], float] = field(default_factory=dict)
    _probed_at: dict[str, float] = field(default_factory=dict)

    # -- what the controller asks

    def start(self, replica: Replica, action: Action, now: float) -> None:
        kind, job = type(action), action.job
        if now < self._not_before.get((job.name, kind), 0.0) or self._needless(action):
            return
        pause = probe_interval(replica, now) if kind is Probe else PAUSES[kind]
        if self._ask((job.name, kind), self._cluster(job), self._work(replica, action)):
            self._not_before[job.name, kind] = now + pause

    def flush(self) -> None: ...

    def poll_queue(self, login: Login, now: float) -> None:
        cluster = self.by_login[login.id]
        self._ask(("queue", login.id), cluster, partial(self._queue, login.id, now))

    def fetch_end(self, route: str, job: Job) -> None:
        self._ask((job.name, "end"), self._cluster(job), partial(self._end, route, job))

    def look_at_job(self, route: str, job: Job) -> None:
        self._ask((job.name, "look"), self._cluster(job), partial(self._look, route, job))

    def cancel_orphan(self, login_id: str, job_id: str) -> None:
        cluster = self.by_login[login_id]
        self._ask(("orphan", login_id, job_id), cluster, lambda: cluster.scancel(job_id))

    def ask_orphan_port(self, login_id: str, view: JobView, asked_at: float) -> None:
        answer = OrphanPort(login_id, view, self.ports.get(view.name), asked_at)
        work = partial(partial, self.put, answer)
        self._ask(("port", login_id, view.job_id), self.by_login[login_id], work)

    def close_tunnels_except(
        self, jobs: Iterable[Job], listening: frozenset[str], now: float
    ) -> None: ...

    def open_further_tunnel(self, replica: Replica, number: int) -> None: ...

    def close_connections_except(self, needed: Set[tuple[str, int]], now: float) -> None: ...

    def probe_soon(self, replica: Replica) -> None:
        self._not_before.pop((replica.job.name, Probe), None)

    def tunnel_is_up(self, job: Job, socket: Path) -> bool:  # noqa: ARG002
        return bool(job.node) and self.tunnels.get(job.name) == job.node

    def forget_jobs_except(self, names: set[str]) -> None:
        for key in [key for key in self._not_before if key[0] not in names]:
            del self._not_before[key]
        for name in self.tunnels.keys() - names:
            del self.tunnels[name]
        for name in self._probed_at.keys() - names:
            del self._probed_at[name]

    # -- how it is asked

    def _cluster(self, job: Job) -> Cluster:
        return self.by_login[spec_of(job).login.id]

    def _needless(self, action: Action) -> bool:
        job = action.job
        if isinstance(action, Tunnel):
            return not job.node or self.tunnels.get(job.name) == job.node
        if isinstance(action, Probe):
            return self.tunnels.get(job.name, job.node) != job.node
        return isinstance(action, Find) and (job.name, Submit) in self._running

    def _ask(
        self, key: tuple[object, ...], cluster: Cluster, work: Callable[[], Answer | None]
    ) -> bool:
        """The work happens on the cluster, and its answer arrives later."""
        if key in self._running:
            return False
        self._running.add(key)
        agenda = self.world.agenda

        def at_cluster() -> None:
            if not self.alive and key[1] not in (Submit, Cancel):  # those may be on their way
                return
            if key[1] not in (Probe, Tunnel, Submit) and not cluster.answers:
                agenda.after(SILENT_FOR, partial(self._finish, key, self._silence(cluster)))
                return
            agenda.after(self._delay(), partial(self._finish, key, work()))

        agenda.after(self._delay(), at_cluster)
        return True

    def _delay(self) -> float:
        """A submission is answered, or gives up, long before it counts as lost."""
        if self.random.random() < SLOW:
            return self.random.uniform(1, 8)
        return self.random.uniform(0.05, 0.3)

    def _finish(self, key: object, answer: Answer | None) -> None:
        self._running.discard(key)
        if self.alive and answer:
            answer()

    def _silence(self, cluster: Cluster) -> Answer:
        kind = "slurm" if cluster.reachable else SshProblem.UNREACHABLE
        [login_id] = [login_id for login_id, one in self.by_login.items() if one is cluster]
        return partial(self.put, LoginState(login_id, Trouble(kind, "no answer")))

    # -- what is asked

    def _work(self, replica: Replica, action: Action) -> Callable[[], Answer | None]:
        route, job = replica.route, action.job
        cluster = self._cluster(job)
        if isinstance(action, Submit):
            return partial(self._submit, cluster, route, job)
        if isinstance(action, Find):
            return partial(self._find, cluster, route, job)
        if isinstance(action, Cancel):
            return lambda: cluster.scancel(job.job_id)
        if isinstance(action, Tunnel):
            return partial(self._tunnel, cluster, route, job)
        return partial(self._probe, cluster, replica)

    def _report(self, route: str, *events: ev.Event, waits: bool = False) -> Answer:
        def answer() -> None:
            for one in events:
                self.put(Happened(route, one, waits=waits))

        return answer

    def _submit(self, cluster: Cluster, route: str, job: Job) -> Answer | None:
        if not cluster.reachable:
            text, kind = "The login node cannot be reached.", SshProblem.UNREACHABLE
            failed = ev.SubmitFailed(job.name, Reason.CLUSTER_UNREACHABLE, text, kind=kind)
            return self._report(route, failed)
        agenda, service = self.world.agenda, self.world.traffic.loads[route].service
        self.ports[job.name] = job.port
        if not cluster.answers or self.random.random() < LOST:
            if self.random.random() < 0.5:
                late = self.random.uniform(0, max(0.0, job.intended_at + LANDS_WITHIN - agenda.now))
                agenda.after(late, partial(cluster.sbatch, job.name, service))
            return self._silence(cluster)
        return self._report(route, ev.Submitted(job.name, cluster.sbatch(job.name, service).id))

    def _find(self, cluster: Cluster, route: str, job: Job) -> Answer:
        found = cluster.named(job.name)
        if found is None:
            return self._report(route, ev.JobAbsent(job.name))
        return self._report(route, ev.Submitted(job.name, found.id), ev.JobSeen(found.view()))

    def _queue(self, login_id: str, asked_at: float) -> Answer:
        cluster = self.by_login[login_id]
        views = [job.view() for job in cluster.ours.values()]

        def answer() -> None:
            self.put(LoginState(login_id))
            self.put(QueueAnswer(login_id, views, asked_at))

        return answer

    def _end(self, route: str, job: Job) -> Answer:
        cluster = self._cluster(job)
        if (left := cluster.ours.get(job.job_id)) is not None:
            return self._report(route, ev.JobSeen(left.view()))
        return self._report(route, ev.JobOver(cluster.over[job.job_id]))

    def _look(self, route: str, job: Job) -> Answer | None:
        found = self._cluster(job).ours.get(job.job_id)
        return self._report(route, ev.JobSeen(found.view())) if found else None

    def _tunnel(self, cluster: Cluster, route: str, job: Job) -> Answer | None:
        if not cluster.reachable:
            return None

        def opened() -> None:
            if cluster.reachable:
                self.tunnels[job.name] = job.node
                self.tunnels_changed(route)

        return opened

    def _probe(self, cluster: Cluster, replica: Replica) -> Answer:
        job, now = replica.job, self.world.agenda.now
        found = cluster.ours.get(job.job_id)
        connected = self._connected(cluster, found, job)
        healthy = connected and found is not None and found.loaded(now)
        before = self._probed_at.pop(job.name, now)
        if connected:
            self._probed_at[job.name] = now
        watched = now - before if connected and not healthy else 0.0
        health = ev.Health.HEALTHY if healthy else ev.Health.UNHEALTHY
        ready = replica.phase is Phase.READY
        return self._report(replica.route, ev.Probed(job.name, health, watched), waits=ready)

    def _connected(self, cluster: Cluster, found: ClusterJob | None, job: Job) -> bool:
        if found is None or found.phase is not JobPhase.RUNNING or not cluster.reachable:
            return False
        return self.tunnels.get(job.name) == f"n{found.node}"

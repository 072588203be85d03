"""Does what was decided, in the background, and puts what came of it into the inbox.

Nothing here decides. An answer that is not known (Slurm or SSH silent) becomes no event at
all, only the login's trouble, shown to people: unknown is not gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from service_management.cluster import outcomes
from service_management.cluster.errors import ClusterError
from service_management.cluster.login import Login
from service_management.cluster.submit import SubmitSpec, submit_command
from service_management.config import Service
from service_management.controller.hands import Hand, Hands
from service_management.controller.inbox import Happened, Item, LoginState
from service_management.controller.matching import Answer
from service_management.controller.probe import probe
from service_management.controller.spec import JobSpec, spec_of
from service_management.controller.tunnels import Leads, Sockets, on_disk, sockets
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Action, Cancel, Find, Probe, Submit, Tunnel
from service_management.lifecycle.observations import JobEnd
from service_management.lifecycle.record import Job, Record
from service_management.lifecycle.states import Reason, State
from service_management.lifecycle.timing import probe_interval

_LOG = structlog.get_logger(__name__)
FIND_EVERY, CANCEL_EVERY, TUNNEL_EVERY = 1.0, 5.0, 0.5


@dataclass(frozen=True)
class _Errand:
    """One thing to do for one job."""

    route: str
    job: Job
    spec: JobSpec
    hand: Hand
    health_path: str


class Effects:
    def __init__(
        self,
        hands: Hands,
        run_dir: Path,
        tell: Callable[[Item], None],
        service: Callable[[str], Service | None],
    ) -> None:
        self._hands, self._run_dir, self._tell, self._service = hands, run_dir, tell, service
        self._not_before: dict[tuple[str, str], float] = {}
        self._submitted: set[str] = set()
        self._leads = Leads()

    def sockets(self, job: Job) -> Sockets:
        return sockets(self._run_dir, job)

    # -- the controller asks --------------------------------------------------------

    def dispatch(self, record: Record, action: Action, now: float) -> None:
        """Start it, unless it runs already or its turn has not come."""
        kind, job = type(action).__name__, action.job
        if now < self._not_before.get((job.name, kind), 0.0):
            return
        if isinstance(action, Submit):
            if job.name in self._submitted:
                return
            self._submitted.add(job.name)
        errand = self._errand(record.route, job)
        work, pause = self._work(record, action, now)
        if errand.hand.do((job.name, kind), lambda: self._carefully(errand, work)):
            self._not_before[job.name, kind] = now + pause

    def probe_now(self, record: Record | None) -> None:
        """The next tick's probe need not wait for its turn."""
        if record is not None and record.job is not None:
            self._not_before.pop((record.job.name, Probe.__name__), None)

    def submitting(self, job: Job) -> bool:
        return self._errand("", job).hand.busy((job.name, Submit.__name__))

    def post_mortem(self, route: str, job: Job) -> None:
        errand = self._errand(route, job)
        errand.hand.do((job.name, "post_mortem"), lambda: self._carefully(errand, self._bury))

    def poll(self, login: Login, now: float) -> None:
        hand = self._hands.of(login)
        hand.do("queue", lambda: self._ask_queue(hand, now))

    def cancel_stray(self, login_id: str, job_id: str) -> None:
        if hand := self._hands.known(login_id):
            hand.do(("stray", job_id), lambda: hand.client.cancel([job_id]))

    def forget_all_but(self, names: set[str]) -> None:
        """The pauses of jobs that are gone, and where their tunnels led."""
        for key in [key for key in self._not_before if key[0] not in names]:
            del self._not_before[key]
        self._leads.forget_all_but(names)
        self._submitted &= names

    def led_to(self, socket: Path) -> str | None:
        return self._leads.node(socket)

    def close_all_but(self, jobs: Iterable[Job], listening: frozenset[str]) -> None:
        """A tunnel that belongs to no job is closed, whoever opened it, and when. Only its own
        connection will do it; which one that is, an earlier process knew. What a dead one left
        of it, a file, goes too."""
        kept = {str(path) for job in jobs for path in self.sockets(job).all}
        for path in (listening | on_disk(self._run_dir)) - kept:
            for hand in self._hands.all():
                hand.do((path, "close"), partial(_close, hand, Path(path)))

    # -- and in the background ------------------------------------------------------

    def _errand(self, route: str, job: Job) -> _Errand:
        spec = spec_of(job)
        service = self._service(route)
        health_path = service.check_health_path if service else "/"
        return _Errand(route, job, spec, self._hands.of(spec.login), health_path)

    def _work(
        self, record: Record, action: Action, now: float
    ) -> tuple[Callable[[_Errand], None], float]:
        if isinstance(action, Submit):
            return self._submit, 0.0
        if isinstance(action, Find):
            return self._find, FIND_EVERY
        if isinstance(action, Tunnel):
            return self._tunnel, TUNNEL_EVERY
        if isinstance(action, Probe):
            work = self._probe_again if record.state is State.READY else self._probe
            return work, probe_interval(record, now)
        assert isinstance(action, Cancel)  # noqa: S101 - the union has no other member
        return self._cancel, CANCEL_EVERY

    def _carefully(self, errand: _Errand, work: Callable[[_Errand], None]) -> None:
        try:
            work(errand)
        except ClusterError as error:
            self._trouble(errand.hand, error.text)
        except Exception:
            _LOG.exception("an action failed", route=errand.route, job=errand.job.name)

    def _trouble(self, hand: Hand, text: str) -> None:
        self._tell(LoginState(hand.login.id, text))

    def _say(self, errand: _Errand, event: ev.Event) -> None:
        self._tell(Happened(errand.route, event))

    def _submit(self, errand: _Errand) -> None:
        spec, job = submission(errand.spec, errand.job), errand.job
        command = submit_command(spec)
        outcome = errand.hand.client.submit(spec, job.intended_at)
        if isinstance(outcome, outcomes.Submitted):
            self._say(errand, ev.Submitted(job.name, outcome.job_id))
        elif isinstance(outcome, outcomes.Rejected):
            text = f"Slurm refused the job: {outcome.message}"
            reason = Reason.SUBMIT_REJECTED
            self._say(errand, ev.SubmitFailed(job.name, reason, text, command))
        elif isinstance(outcome, outcomes.NotSubmitted):
            unreachable = Reason.CLUSTER_UNREACHABLE
            self._say(errand, ev.SubmitFailed(job.name, unreachable, outcome.message, command))
        else:
            self._trouble(errand.hand, outcome.message)

    def _find(self, errand: _Errand) -> None:
        found = errand.hand.client.find(errand.job.name)
        if isinstance(found, outcomes.Unknown):
            self._trouble(errand.hand, found.message)
        elif found is None:
            self._say(errand, ev.JobAbsent(errand.job.name))
        else:
            self._say(errand, ev.Submitted(errand.job.name, found.job_id))
            self._say(errand, ev.JobSeen(found))

    def _tunnel(self, errand: _Errand) -> None:
        job, hand = errand.job, errand.hand
        if not job.node:
            return
        address = hand.client.node_address(job.node)
        if isinstance(address, outcomes.Unknown):
            self._trouble(hand, address.message)
            return
        sockets = self.sockets(job)
        for socket in (sockets.quiet, sockets.main):
            self._lead(errand, socket, address)
        for socket in sockets.further:
            # In the background: the service can do without, should the login be refused.
            lead = partial(self._lead, socket=socket, address=address)
            hand.do((job.name, socket), partial(self._carefully, errand, lead))

    def _lead(self, errand: _Errand, socket: Path, address: str) -> None:
        hand, job = errand.hand, errand.job
        connection = hand.for_socket(socket)
        if self._leads.node(socket) != job.node or not connection.tunnel_alive(socket):
            with hand.counts.counting(str(hand.login), "tunnel"):
                connection.open_tunnel(socket, address, job.port)
            self._leads.note(socket, job.node)

    def _probe(self, errand: _Errand) -> None:
        self._say(errand, self._health(errand))

    def _probe_again(self, errand: _Errand) -> None:
        """Many services are ready, and nearly always well: not a pass for each of their answers."""
        self._tell(Happened(errand.route, self._health(errand), waits=True))

    def _health(self, errand: _Errand) -> ev.Probed:
        health = probe(self.sockets(errand.job).quiet, errand.health_path)
        return ev.Probed(errand.job.name, health)

    def _cancel(self, errand: _Errand) -> None:
        outcome = errand.hand.client.cancel([errand.job.job_id])
        if isinstance(outcome, outcomes.Unknown):
            self._trouble(errand.hand, outcome.message)

    def _bury(self, errand: _Errand) -> None:
        outcome = errand.hand.client.post_mortem(errand.job.job_id)
        command = submit_command(submission(errand.spec, errand.job))
        if isinstance(outcome, JobEnd):
            self._say(errand, ev.JobOver(outcome, command))
        elif isinstance(outcome, outcomes.StillThere):
            self._say(errand, ev.JobSeen(outcome.view))
        else:
            self._trouble(errand.hand, outcome.message)

    def _ask_queue(self, hand: Hand, now: float) -> None:
        views = hand.client.queue()
        if isinstance(views, outcomes.Unknown):
            self._trouble(hand, views.message)
            return
        self._tell(LoginState(hand.login.id))
        self._tell(Answer(hand.login.id, views, now))


def _close(hand: Hand, socket: Path) -> None:
    hand.for_socket(socket).close_tunnel(socket)


def submission(spec: JobSpec, job: Job) -> SubmitSpec:
    return SubmitSpec(
        job_name=job.name,
        bash_file=spec.bash_file,
        port=job.port,
        sbatch_args=spec.sbatch_args,
        env=dict(spec.env),
    )

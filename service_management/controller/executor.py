"""Starts what was decided: each duty once at a time, and again only when its turn has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from service_management.config import Service
from service_management.controller.errands import Errand, Errands
from service_management.controller.inbox import Item
from service_management.controller.job_spec import spec_of
from service_management.controller.socket_paths import Sockets, on_disk, sockets
from service_management.controller.workers import LoginWorker, Workers
from service_management.lifecycle.actions import Action, Cancel, Find, Probe, Submit, Tunnel
from service_management.lifecycle.policy import probe_interval
from service_management.lifecycle.record import Job, Record
from service_management.lifecycle.states import State
from service_management.ssh.login import Login

FIND_EVERY, CANCEL_EVERY, TUNNEL_EVERY = 1.0, 5.0, 0.5


class Effects:
    def __init__(
        self,
        hands: Workers,
        run_dir: Path,
        tell: Callable[[Item], None],
        service: Callable[[str], Service | None],
    ) -> None:
        self._hands, self._run_dir, self._service = hands, run_dir, service
        self._errands = Errands(run_dir, tell)
        self._not_before: dict[tuple[str, str], float] = {}
        self._submitted: set[str] = set()

    def sockets(self, job: Job) -> Sockets:
        return sockets(self._run_dir, job)

    # -- the controller asks --------------------------------------------------------

    def dispatch(self, record: Record, action: Action, now: float) -> None:
        """Start it, unless it runs already or its turn has not come."""
        kind, job = type(action).__name__, action.job
        if now < self._not_before.get((job.name, kind), 0.0):
            return
        errand = self._errand(record.route, job)
        if isinstance(action, Submit):
            if job.name in self._submitted:
                return
            self._submitted.add(job.name)
        work, pause = self._work(record, action, now)
        if self._do(errand, kind, work):
            self._not_before[job.name, kind] = now + pause

    def probe_now(self, record: Record | None) -> None:
        """The next tick's probe need not wait for its turn."""
        if record is not None and record.job is not None:
            self._not_before.pop((record.job.name, Probe.__name__), None)

    def submitting(self, job: Job) -> bool:
        return self._errand("", job).hand.busy((job.name, Submit.__name__))

    def post_mortem(self, route: str, job: Job) -> None:
        self._do(self._errand(route, job), "post_mortem", self._errands.bury)

    def poll(self, login: Login, now: float) -> None:
        hand = self._hands.of(login)
        hand.do("queue", lambda: self._errands.ask_queue(hand, now))

    def cancel_stray(self, login_id: str, job_id: str) -> None:
        if hand := self._hands.known(login_id):
            hand.do(("stray", job_id), lambda: hand.client.cancel([job_id]))

    def forget_all_but(self, names: set[str]) -> None:
        """The pauses of jobs that are gone, and where their tunnels led."""
        for key in [key for key in self._not_before if key[0] not in names]:
            del self._not_before[key]
        self._errands.leads.forget_all_but(names)
        self._submitted &= names

    def led_to(self, socket: Path) -> str | None:
        return self._errands.leads.node(socket)

    def close_all_but(self, jobs: Iterable[Job], listening: frozenset[str]) -> None:
        """A tunnel that belongs to no job is closed, whoever opened it, and when. Only its own
        connection will do it; which one that is, an earlier process knew. What a dead one left
        of it, a file, goes too."""
        kept = {str(path) for job in jobs for path in self.sockets(job).all}
        for path in (listening | on_disk(self._run_dir)) - kept:
            for hand in self._hands.all():
                hand.do((path, "close"), partial(_close, hand, Path(path)))

    # -- how ---------------------------------------------------------------------------

    def _errand(self, route: str, job: Job) -> Errand:
        spec = spec_of(job)
        service = self._service(route)
        health_path = service.check_health_path if service else "/"
        return Errand(route, job, spec, self._hands.of(spec.login), health_path)

    def _do(self, errand: Errand, kind: str, work: Callable[[Errand], None]) -> bool:
        start = errand.hand.probe if kind == Probe.__name__ else errand.hand.do
        return start((errand.job.name, kind), lambda: self._errands.carefully(errand, work))

    def _work(
        self, record: Record, action: Action, now: float
    ) -> tuple[Callable[[Errand], None], float]:
        errands = self._errands
        if isinstance(action, Submit):
            return errands.submit, 0.0
        if isinstance(action, Find):
            return errands.find, FIND_EVERY
        if isinstance(action, Tunnel):
            return errands.tunnel, TUNNEL_EVERY
        if isinstance(action, Probe):
            work = errands.probe_again if record.state is State.READY else errands.probe
            return work, probe_interval(record, now)
        assert isinstance(action, Cancel)  # noqa: S101 - the union has no other member
        return errands.cancel, CANCEL_EVERY


def _close(hand: LoginWorker, socket: Path) -> None:
    hand.for_socket(socket).close_tunnel(socket)

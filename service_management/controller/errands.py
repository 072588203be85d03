"""What is done for a job in the background, on its login's hand; what came of it goes to the inbox.

Nothing here decides. An answer that is not known (Slurm or SSH silent) becomes no event at
all, only the login's trouble, shown to people: unknown is not gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from service_management.controller.health_check import probe
from service_management.controller.inbox import Happened, Item, LoginState
from service_management.controller.job_spec import JobSpec
from service_management.controller.matching import Answer
from service_management.controller.socket_paths import TunnelTargets, connection_number, sockets
from service_management.controller.workers import LoginWorker
from service_management.lifecycle import events as ev
from service_management.lifecycle.job_views import JobEnd
from service_management.lifecycle.record import Job
from service_management.lifecycle.states import Reason
from service_management.slurm import outcomes
from service_management.slurm.sbatch import SubmitSpec, submit_command
from service_management.ssh.errors import ClusterError


@dataclass(frozen=True)
class Errand:
    """One thing to do for one job."""

    route: str
    job: Job
    spec: JobSpec
    hand: LoginWorker
    health_path: str


class Errands:
    def __init__(self, run_dir: Path, tell: Callable[[Item], None]) -> None:
        self._run_dir, self._tell = run_dir, tell
        self.leads = TunnelTargets()

    def carefully(self, errand: Errand, work: Callable[[Errand], None]) -> None:
        try:
            work(errand)
        except ClusterError as error:
            self._trouble(errand.hand, error.text)

    def _trouble(self, hand: LoginWorker, text: str) -> None:
        self._tell(LoginState(hand.login.id, text))

    def _say(self, errand: Errand, event: ev.Event) -> None:
        self._tell(Happened(errand.route, event))

    def submit(self, errand: Errand) -> None:
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

    def find(self, errand: Errand) -> None:
        found = errand.hand.client.find(errand.job.name)
        if isinstance(found, outcomes.Unknown):
            self._trouble(errand.hand, found.message)
        elif found is None:
            self._say(errand, ev.JobAbsent(errand.job.name))
        else:
            self._say(errand, ev.Submitted(errand.job.name, found.job_id))
            self._say(errand, ev.JobSeen(found))

    def tunnel(self, errand: Errand) -> None:
        job, hand = errand.job, errand.hand
        if not job.node:
            return
        address = hand.client.node_address(job.node)
        if isinstance(address, outcomes.Unknown):
            self._trouble(hand, address.message)
            return
        paths = sockets(self._run_dir, job)
        for socket in (paths.quiet, paths.main):
            self._lead(errand, socket, address)
        for socket in paths.further:
            # In the background: the service can do without, should the login be refused. One at a
            # time for each connection: a login that hangs must not take all of the hand's threads.
            lead = partial(self._lead, socket=socket, address=address)
            key = ("further", connection_number(socket))
            hand.do(key, partial(self.carefully, errand, lead))

    def _lead(self, errand: Errand, socket: Path, address: str) -> None:
        hand, job = errand.hand, errand.job
        connection = hand.for_socket(socket)
        if self.leads.node(socket) != job.node or not connection.tunnel_alive(socket):
            with hand.counts.counting(str(hand.login), "tunnel"):
                connection.open_tunnel(socket, address, job.port)
            self.leads.note(socket, job.node)

    def probe(self, errand: Errand) -> None:
        self._say(errand, self._health(errand))

    def probe_again(self, errand: Errand) -> None:
        """Many services are ready, and nearly always well: not a pass for each of their answers."""
        self._tell(Happened(errand.route, self._health(errand), waits=True))

    def _health(self, errand: Errand) -> ev.Probed:
        health = probe(sockets(self._run_dir, errand.job).quiet, errand.health_path)
        return ev.Probed(errand.job.name, health)

    def cancel(self, errand: Errand) -> None:
        outcome = errand.hand.client.cancel([errand.job.job_id])
        if isinstance(outcome, outcomes.Unknown):
            self._trouble(errand.hand, outcome.message)

    def bury(self, errand: Errand) -> None:
        outcome = errand.hand.client.post_mortem(errand.job.job_id)
        command = submit_command(submission(errand.spec, errand.job))
        if isinstance(outcome, JobEnd):
            self._say(errand, ev.JobOver(outcome, command))
        elif isinstance(outcome, outcomes.StillThere):
            self._say(errand, ev.JobSeen(outcome.view))
        else:
            self._trouble(errand.hand, outcome.message)

    def ask_queue(self, hand: LoginWorker, now: float) -> None:
        views = hand.client.queue()
        if isinstance(views, outcomes.Unknown):
            self._trouble(hand, views.message)
            return
        self._tell(LoginState(hand.login.id))
        self._tell(Answer(hand.login.id, views, now))


def submission(spec: JobSpec, job: Job) -> SubmitSpec:
    return SubmitSpec(
        job_name=job.name,
        bash_file=spec.bash_file,
        port=job.port,
        sbatch_args=spec.sbatch_args,
        env=dict(spec.env),
    )

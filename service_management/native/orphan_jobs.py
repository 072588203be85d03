"""Cancel, over SSH, the jobs that a dead or interrupted controller left behind. The store's records
say which. It takes the controller's lock, because it is the store's only writer meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from service_management.controller.job_spec import has_readable_spec, spec_of
from service_management.controller.stored_clock import resume_clock
from service_management.host import lock
from service_management.lifecycle import events as ev
from service_management.lifecycle import policy
from service_management.lifecycle.decision import Context
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.lifecycle.policy import Policy
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job
from service_management.lifecycle.states import Reason
from service_management.lifecycle.transitions import decide
from service_management.native.waiting import Say, wait
from service_management.settings import Settings
from service_management.slurm.client import SlurmClient
from service_management.slurm.job_names import parse_job_name
from service_management.slurm.outcomes import Unknown
from service_management.ssh.backends import make_backend
from service_management.ssh.errors import ClusterError
from service_management.ssh.login import Login
from service_management.store import Store

T = TypeVar("T")
Now = Callable[[], float]  # the controller's clock
GONE_SECONDS, LOOK_EVERY = 30.0, 0.5
LOCK_SECONDS = 15.0


@dataclass(frozen=True)
class Left:
    """What could not be cancelled, and why."""

    where: str
    jobs: Sequence[Job]
    trouble: str

    def __str__(self) -> str:
        names = ", ".join(
            f"{job.job_id} ({job.name})" if job.job_id else f"one named {job.name}"
            for job in self.jobs
        )
        name = self.jobs[0].name.partition(".")[0] if self.jobs else ""
        return (
            f"{self.where}: {self.trouble} Jobs that may still run there: {names}. Look with "
            f"`squeue --me -o '%i %j' | grep {name}.`, cancel with `scancel <id>`."
        )


def cancel(chosen: Settings, say: Say) -> list[Left]:
    """Cancel every job that the store says may exist, and settle the records."""
    # The lock comes first: a control plane that is just ending may still store a submission, and
    # opening a store may migrate it.
    lock.take(chosen.state_dir / "controller.lock", LOCK_SECONDS)
    store = Store(chosen.database_url)
    try:
        stored = store.load().values()
        clock = resume_clock(store, stored)
        records = [record for record in stored if record.jobs]
        return _cancel_recorded(chosen, store, clock.now, records, say) if records else []
    finally:
        store.close()


def _cancel_recorded(
    chosen: Settings, store: Store, now: Now, records: Sequence[ServiceRecord], say: Say
) -> list[Left]:
    say(f"cancelling over SSH, from the store's records: {', '.join(r.route for r in records)}")
    backend = make_backend(chosen.ssh_backend, chosen.run_dir, chosen.state_dir)
    logins, unreadable = _by_login([job for record in records for job in record.jobs])

    def cancel_at(login: Login) -> Left | None:
        jobs = logins[login]
        try:
            client = SlurmClient(backend.connection(login))
            trouble = _still_there(Sweep(client, chosen.identity, jobs, now), say)
        except ClusterError as error:
            trouble = error.text
        return Left(str(login), jobs, trouble) if trouble else None

    with ThreadPoolExecutor(max(1, len(logins))) as pool:
        left = [one for one in pool.map(cancel_at, logins) if one]
    if unreadable:
        left.append(Left("an unknown login", unreadable, "The store's record cannot be read."))
    stuck = {job.name for one in left for job in one.jobs}
    free = [r for r in records if stuck.isdisjoint(job.name for job in r.jobs)]
    _settle(store, now(), free)
    return left


def _by_login(jobs: Sequence[Job]) -> tuple[dict[Login, list[Job]], list[Job]]:
    """And those whose login is not known."""
    found: dict[Login, list[Job]] = {}
    unreadable: list[Job] = []
    for job in jobs:
        if has_readable_spec(job):
            found.setdefault(spec_of(job).login, []).append(job)
        else:
            unreadable.append(job)
    return found, unreadable


def _still_there(sweep: Sweep, say: Say) -> str:
    if wait(sweep.done, sweep.patience + GONE_SECONDS, sweep.what, say, LOOK_EVERY):
        return ""
    return f"They were cancelled, but are still there after {GONE_SECONDS:.0f} s."


class Sweep:
    """Cancels every job of this gateway that Slurm shows, poll by poll. A submission that was
    under way when the controller ended may take effect until SUBMIT_SETTLED seconds after its
    intent."""

    def __init__(self, client: SlurmClient, identity: str, jobs: Sequence[Job], now: Now) -> None:
        self._client, self._identity, self._now = client, identity, now
        late, begun = [job for job in jobs if not job.job_id], now()
        self._unseen = {job.name for job in late}
        self._settled = max(
            (min(job.intended_at, begun) + policy.SUBMIT_SETTLED for job in late), default=begun
        )
        self.patience = max(0.0, self._settled - begun)

    @property
    def what(self) -> str:
        if self._unseen:
            return f"submissions that may be under way, at most {self.patience:.0f} s"
        return "Slurm to say that the jobs are gone"

    def done(self) -> bool:
        views = _answered(self._client.queue())
        self._unseen -= {view.name for view in views}
        ours = [view.job_id for view in views if _ours(view, self._identity)]
        _answered(self._client.cancel(ours))
        return not ours and (not self._unseen or self._now() >= self._settled)


def _answered(outcome: T | Unknown) -> T:
    if isinstance(outcome, Unknown):
        raise ClusterError(outcome.kind, outcome.message)
    return outcome


def _ours(view: JobView, identity: str) -> bool:
    name = parse_job_name(view.name)
    return name is not None and name.prefix == identity and view.phase is not JobPhase.ENDED


def _settle(store: Store, now: float, records: Sequence[ServiceRecord]) -> None:
    settled = {record.route: settle(record, now) for record in records}
    kept = [record for record in settled.values() if record is not None]
    store.save(kept, [route for route, record in settled.items() if record is None])


def settle(record: ServiceRecord, now: float) -> ServiceRecord | None:
    """As if an operator had stopped the service and Slurm had reported the end of its jobs."""
    context = Context(now, Policy(timeout=0.0))
    settled = decide(record, ev.StopAsked(hurry=True), context)
    for job in record.jobs:
        over: ev.Event = ev.JobOver(JobEnd(job.job_id, "CANCELLED"))
        if not job.job_id:
            over = ev.SubmitFailed(job.name, Reason.STOPPED, "")
        settled = decide(settled, over, context) if settled else None
    return settled

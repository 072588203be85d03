"""Compares what arrives from outside with the records: answers of squeue, and new catalogues."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import structlog

from service_management.config import Catalogue, Problem
from service_management.controller.effects import Effects
from service_management.controller.inbox import (
    CatalogueLive,
    CatalogueRefused,
    Item,
    LoginState,
    OrphanPort,
    QueueAnswer,
    Suspected,
)
from service_management.controller.job_spec import JobSpec, spec_of
from service_management.controller.polling import Polling, login_of
from service_management.controller.records import Records, RecordStore
from service_management.controller.snapshot import Snapshot
from service_management.lifecycle import events as ev
from service_management.lifecycle.intervals import CATALOGUE_RETRY
from service_management.lifecycle.job_views import JobPhase, JobView
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.slurm.job_names import JobName, parse_job_name
from service_management.ssh.login import Login

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Orphan:
    """A job that carries this orchestrator's prefix and is in no record."""

    name: JobName
    view: JobView


@dataclass(frozen=True)
class Match:
    seen: tuple[tuple[str, JobView], ...]  # with the route
    missing: tuple[Replica, ...]
    orphans: tuple[Orphan, ...]


class Reconciler:
    def __init__(
        self,
        records: Records,
        effects: Effects,
        snapshot: Snapshot,
        store: RecordStore,
        polling: Polling,
    ) -> None:
        self._records, self._effects = records, effects
        self._snapshot, self._store = snapshot, store
        self._polling = polling
        self._pending: CatalogueLive | None = None  # served by nginx, and not taken up here yet
        self._retry_at = 0.0

    def process(self, item: Item, now: float) -> None:
        if isinstance(item, QueueAnswer):
            self._compare_queue(item, now)
        elif isinstance(item, OrphanPort):
            self._orphan_port(item, now)
        elif isinstance(item, Suspected):
            if record := self._records.get(item.route):
                for replica in record.ready:
                    self._effects.probe_soon(replica)
        elif isinstance(item, LoginState):
            self._note_login(item)
        elif isinstance(item, CatalogueLive):
            self._pending, self._retry_at = item, now
            self._snapshot.not_reused = item.not_reused
            self.apply_pending_catalogue(now)
        elif isinstance(item, CatalogueRefused):
            self._snapshot.config_error = item.problems

    def _note_login(self, item: LoginState) -> None:
        if item.trouble and item.trouble != self._polling.trouble.get(item.login_id):
            # Public answers have one sentence per kind of problem: the log has the whole text.
            _LOG.warning("the cluster does not answer", reason=item.trouble.text)
        self._polling.trouble[item.login_id] = item.trouble

    # -- squeue's answer --------------------------------------------------------------

    def _compare_queue(self, answer: QueueAnswer, now: float) -> None:
        self._polling.answered(answer.login_id)
        mine = [one for one in self._records.replicas() if login_of(one).id == answer.login_id]
        found = match(answer, mine, self._polling.learned, self._records.identity)
        for route, view in found.seen:
            self._records.apply_safely(route, ev.JobSeen(view), now)
        for replica in found.missing:
            # Missing from a list is no proof: only scontrol's or sacct's word ends a job.
            self._effects.fetch_end(replica.route, replica.job)
        self._compare_abandoned(answer, now)
        # Logins that differ in their key only share an account, and so see each other's jobs.
        known = self._records.job_names() if found.orphans else set()
        for orphan in found.orphans:
            if orphan.view.name not in known:
                self._adopt_or_cancel(orphan, answer.login_id, answer.asked_at, now)

    def _compare_abandoned(self, answer: QueueAnswer, now: float) -> None:
        """A job that was given up is cancelled by whichever login shows it. What its own login does
        not show may be over."""
        views = {view.name: view for view in answer.views if view.phase is not JobPhase.ENDED}
        for route, job in self._records.abandoned():
            if job.name in views:
                self._cancel_abandoned(route, answer.login_id, views[job.name], now)
            elif spec_of(job).login.id == answer.login_id:
                self._abandoned_is_missing(route, job, now)

    def _cancel_abandoned(self, route: str, login_id: str, view: JobView, now: float) -> None:
        self._records.apply_safely(route, ev.JobSeen(view), now)
        if view.phase in (JobPhase.WAITING, JobPhase.RUNNING):
            _LOG.info("cancelling an abandoned job", job=view.job_id, route=route)
            self._effects.cancel_orphan(login_id, view.job_id)

    def _abandoned_is_missing(self, route: str, job: Job, now: float) -> None:
        if job.job_id:
            self._effects.fetch_end(route, job)
        else:
            self._records.apply_safely(route, ev.JobAbsent(job.name), now)

    def _orphan_port(self, answer: OrphanPort, now: float) -> None:
        name = parse_job_name(answer.view.name)
        if name is None or answer.view.name in self._records.job_names():
            return
        if answer.port is None:
            self._cancel(answer.login_id, answer.view, "its port is not known")
            return
        orphan = Orphan(replace(name, port=answer.port), answer.view)
        self._adopt_or_cancel(orphan, answer.login_id, answer.asked_at, now)

    def _adopt_or_cancel(self, orphan: Orphan, asked: str, asked_at: float, now: float) -> None:
        """Adopt the job of a service whose record was lost; cancel what no service wants."""
        route, record = orphan.name.route, self._records.get(orphan.name.route)
        if record is not None and record.resting_since >= asked_at:
            return  # the answer is older than the end of a replica: it cannot tell
        spec = self._records.specs.get(route)
        slot = orphan.name.slot
        free = record is not None and self._records.has_room(record, slot)
        if free and spec is not None and self._left_to(spec.login, asked):
            return
        if not free or spec is None or spec.login.id != asked:
            self._cancel(asked, orphan.view, "no service needs it")
        elif spec.verify == "token":
            self._cancel(asked, orphan.view, "its IO_JOB_TOKEN is lost, so it cannot be verified")
        elif orphan.name.port is None:
            self._effects.ask_orphan_port(asked, orphan.view, asked_at)
        else:
            view = orphan.view
            job = Job(view.name, orphan.name.port, now, spec.dump(), job_id=view.job_id)
            _LOG.warning("adopting a job that no record knows", job=job.job_id, route=route)
            self._records.apply(route, ev.Adopted(job, slot), now)

    def _cancel(self, login_id: str, view: JobView, why: str) -> None:
        _LOG.warning("cancelling a job that no record knows", job=view.job_id, why=why)
        self._effects.cancel_orphan(login_id, view.job_id)

    def _left_to(self, own: Login, asked: str) -> bool:
        """The service's own login, with the same account, sees the job too and can adopt it."""
        logins = (spec.login for spec in self._records.specs.values())
        other = next((login for login in logins if login.id == asked), own)
        return own.id != asked and str(own) == str(other)

    # -- a catalogue ------------------------------------------------------------------

    def apply_pending_catalogue(self, now: float) -> None:
        """At every pass: nginx serves the catalogue already, so it is tried until all is done."""
        if self._pending is None or now < self._retry_at:
            return
        if self._pending.refused:  # before the version: `orchestrator up` waits for either of them
            self._snapshot.config_error = self._pending.refused
        try:
            self._apply_catalogue(self._pending.catalogue, now)
        except Exception as error:
            self._retry_at = now + CATALOGUE_RETRY
            # Public: the error's text, such as a statement with its values, may hold secrets.
            rule = f"could not be taken up completely ({type(error).__name__}); it is tried again"
            problem = Problem("gateway", "", "", rule)
            if self._snapshot.config_error != (problem,):
                _LOG.exception("a configuration could not be taken up completely")
            self._snapshot.config_error = (problem,)
            return
        self._snapshot.config_error, self._pending = self._pending.refused, None

    def _apply_catalogue(self, catalogue: Catalogue, now: float) -> None:
        services, before = dict(catalogue.services), self._records.specs
        self._records.configure(services)
        for record in self._records.all():
            for event in self._config_events(record, before.get(record.route)):
                self._records.apply_safely(record.route, event, now)
        self._polling.configure(spec.login for spec in self._records.specs.values())
        self._snapshot.services = services
        if self._snapshot.version != catalogue.version:
            self._snapshot.version = catalogue.version
            self._snapshot.version_since = time.time()
        # Last: the catalogue is in force, whether the disk has room for it or not.
        self._store.note("catalogue", [s.model_dump_json() for s in services.values()])

    def _config_events(self, record: ServiceRecord, before: JobSpec | None) -> list[ev.Event]:
        """A running job is compared with how it was submitted, whenever that was."""
        spec = self._records.specs.get(record.route)
        if spec is None:
            return [ev.Removed()]
        events: list[ev.Event] = [ev.Restored()] if record.removed else []
        changed = {one.job.name for one in record.replicas if spec_of(one.job) != spec}
        edited = not record.active and before is not None and before != spec
        if changed or edited:
            events.append(ev.Changed(frozenset(changed)))
        return events


def match(
    answer: QueueAnswer, replicas: Iterable[Replica], learned: Mapping[str, float], prefix: str
) -> Match:
    """`replicas` are those of this login; `learned` is when each job's id was learned: a job whose
    id was learned after squeue was asked cannot be missing from its answer."""
    by_name = {one.job.name: one for one in replicas}
    seen = tuple((by_name[v.name].route, v) for v in answer.views if v.name in by_name)
    ids = {view.job_id for view in answer.views}
    missing = tuple(
        one
        for name, one in by_name.items()
        if one.job.job_id and one.job.job_id not in ids and learned.get(name, 0.0) < answer.asked_at
    )
    return Match(seen, missing, tuple(_orphans(answer.views, by_name, prefix)))


def _orphans(
    views: Iterable[JobView], by_name: Mapping[str, Replica], prefix: str
) -> Iterable[Orphan]:
    for view in views:
        name = parse_job_name(view.name)
        own = name is not None and name.prefix == prefix and view.name not in by_name
        if name is not None and own and view.phase in (JobPhase.WAITING, JobPhase.RUNNING):
            yield Orphan(name, view)

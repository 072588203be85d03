"""What arrives from outside, turned into events for services: answers of Slurm, catalogues."""

from __future__ import annotations

import structlog

from service_management.controller.inbox import (
    CatalogueLive,
    CatalogueRefused,
    Item,
    LoginState,
    Suspected,
)
from service_management.controller.job_spec import JobSpec, spec_of
from service_management.controller.matching import Answer, Stray, match
from service_management.controller.polling import Polling, login_of
from service_management.controller.world import Dependencies
from service_management.lifecycle import events as ev
from service_management.lifecycle.record import Job, Record
from service_management.lifecycle.states import State
from service_management.ssh.login import Login

_LOG = structlog.get_logger(__name__)


class Reconciler:
    def __init__(self, world: Dependencies, polling: Polling, identity: str) -> None:
        self._ledger, self._effects = world.ledger, world.effects
        self._board, self._store = world.board, world.store
        self._polling, self._identity = polling, identity

    def take(self, item: Item, now: float) -> None:
        if isinstance(item, Answer):
            self._answer(item, now)
        elif isinstance(item, Suspected):
            self._effects.probe_now(self._ledger.records.get(item.route))
        elif isinstance(item, LoginState):
            self._polling.trouble[item.login_id] = item.trouble
        elif isinstance(item, CatalogueLive):
            self._catalogue(item, now)
        elif isinstance(item, CatalogueRefused):
            self._board.config_error = item.problems

    def _answer(self, answer: Answer, now: float) -> None:
        self._polling.answered(answer.login_id)
        records = [r for r in self._ledger.active() if login_of(r).id == answer.login_id]
        found = match(answer, records, self._polling.learned, self._identity)
        for route, view in found.seen:
            self._ledger.attempt(route, ev.JobSeen(view), now)
        for route, job in found.missing:
            self._effects.post_mortem(route, job)
        # Logins that differ in their key only share an account, and so see each other's jobs.
        known = {record.job.name for record in self._ledger.active() if record.job}
        for stray in found.strays:
            if stray.view.name not in known:
                self._stray(stray, answer, now)

    def _stray(self, stray: Stray, answer: Answer, now: float) -> None:
        """Adopt what a lost store forgot; cancel what nobody wants. Stale answers do neither."""
        route, record = stray.name.route, self._ledger.records.get(stray.name.route)
        if record is not None and record.since >= answer.asked_at:
            return
        spec = self._ledger.specs.get(route)
        free = record is not None and record.state in (State.COLD, State.FAILED)
        if free and spec is not None and self._left_to(spec.login, answer.login_id):
            return
        if free and spec is not None and spec.login.id == answer.login_id:
            job = Job(stray.view.name, stray.name.port, now, spec.dump(), job_id=stray.view.job_id)
            _LOG.warning("adopting a job that no record knows", job=job.job_id, route=route)
            self._ledger.apply(route, ev.Adopted(job), now)
        else:
            _LOG.warning("cancelling a job that no record knows", job=stray.view.job_id)
            self._effects.cancel_stray(answer.login_id, stray.view.job_id)

    def _left_to(self, own: Login, asked: str) -> bool:
        """Its own login, with the same account, sees the job too and can adopt it."""
        logins = (spec.login for spec in self._ledger.specs.values())
        other = next((login for login in logins if login.id == asked), own)
        return own.id != asked and str(own) == str(other)

    def _catalogue(self, item: CatalogueLive, now: float) -> None:
        services, before = dict(item.catalogue.services), self._ledger.specs
        self._ledger.configure(services)
        for route, record in list(self._ledger.records.items()):
            for event in self._config_events(record, before.get(route)):
                self._ledger.attempt(route, event, now)
        self._polling.configure(spec.login for spec in self._ledger.specs.values())
        self._board.services, self._board.config_error = services, ()
        if self._board.version != item.catalogue.version:
            self._board.version, self._board.version_since = item.catalogue.version, now
        # Last: it is in force, whether the disk has room for it or not.
        self._store.note("catalogue", [s.model_dump_json() for s in services.values()])

    def _config_events(self, record: Record, before: JobSpec | None) -> list[ev.Event]:
        """A running job is compared with how it was submitted, whenever that was."""
        spec = self._ledger.specs.get(record.route)
        if spec is None:
            return [ev.Removed()]
        events: list[ev.Event] = [ev.Restored()] if record.after is None else []
        submitted = spec_of(record.job) if record.job else before
        if submitted is not None and submitted != spec:
            events.append(ev.Changed())
        return events

"""When each login is asked for its queue: one squeue for all of its jobs, as rarely as possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from service_management.controller.job_spec import JobSpec, spec_of
from service_management.controller.public_view import Trouble
from service_management.lifecycle.intervals import (
    IDLE_EVERY,
    LOOK_AT_MOST,
    LOOK_EVERY,
    TROUBLED_EVERY,
    is_new,
    queue_interval,
)
from service_management.lifecycle.record import Job, Record
from service_management.ssh.login import Login


class Polling:
    def __init__(self) -> None:
        # login id → why it did not answer; None if it did
        self.trouble: dict[str, Trouble | None] = {}
        self.learned: dict[str, float] = {}  # job name → when its id became known
        self._asked: dict[str, float] = {}  # login id → when it was last asked
        self._looked: dict[str, float] = {}  # route → when its job was last asked about by its id
        self._logins: dict[str, Login] = {}  # those of the configuration
        self._answered: set[str] = set()

    def configure(self, logins: Iterable[Login]) -> None:
        """Also logins without a job are asked: the store may have been lost."""
        self._logins = {login.id: login for login in logins}

    def due(self, active: Iterable[Record], now: float) -> list[Login]:
        active = list(active)
        names = {record.job.name for record in active if record.job}
        self.learned = {name: at for name, at in self.learned.items() if name in names}
        wanted = {
            login.id: login
            for login in self._logins.values()
            if now - self._asked.get(login.id, 0.0) >= self._pace(login.id)
        }
        for record in active:
            login = login_of(record)
            if now - self._asked.get(login.id, 0.0) >= queue_interval(record, now):
                wanted[login.id] = login
        self._asked |= dict.fromkeys(wanted, now)
        return list(wanted.values())

    def needed(self, active: Iterable[Record]) -> set[tuple[str, int]]:
        """The first connection of each login of the configuration, and of each that a job was
        submitted with."""
        logins = self._logins.keys() | {login_of(record).id for record in active}
        return {(login_id, 0) for login_id in logins}

    def single(self, active: Iterable[Record], now: float) -> list[tuple[str, Job]]:
        """The jobs that are asked about by their ids: those just submitted, where they are few."""
        new: dict[str, list[Record]] = {}
        for record in active:
            if is_new(record, now):
                new.setdefault(login_of(record).id, []).append(record)
        few = [record for some in new.values() if len(some) <= LOOK_AT_MOST for record in some]
        due = [record for record in few if self._look_is_due(record, now)]
        return [(record.route, record.job) for record in due if record.job]

    def _look_is_due(self, record: Record, now: float) -> bool:
        if now - self._looked.get(record.route, 0.0) < LOOK_EVERY:
            return False
        self._looked[record.route] = now
        return True

    def answered(self, login_id: str) -> None:
        self._answered.add(login_id)

    def _pace(self, login_id: str) -> float:
        fine = login_id in self._answered and not self.trouble.get(login_id)
        return IDLE_EVERY if fine else TROUBLED_EVERY

    def troubles(
        self, specs: Mapping[str, JobSpec], active: Iterable[Record]
    ) -> dict[str, Trouble]:
        """By route. For a service with a job, the login is the one its job was submitted with."""
        if not any(self.trouble.values()):
            return {}
        logins = {route: spec.login.id for route, spec in specs.items()}
        logins |= {record.route: login_of(record).id for record in active}
        return {r: found for r, login in logins.items() if (found := self.trouble.get(login))}


def login_of(record: Record) -> Login:
    """The login its job was submitted with. Only asked about active records."""
    assert record.job is not None  # noqa: S101 - active means that it has a job
    return spec_of(record.job).login

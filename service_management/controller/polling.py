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
from service_management.lifecycle.replica import Job, Replica
from service_management.ssh.login import Login


class Polling:
    def __init__(self) -> None:
        # login id → why it did not answer; None if it did
        self.trouble: dict[str, Trouble | None] = {}
        self.learned: dict[str, float] = {}  # job name → when its id became known
        self._asked: dict[str, float] = {}  # login id → when it was last asked
        self._looked: dict[str, float] = {}  # job name → when it was last asked about by its id
        self._logins: dict[str, Login] = {}  # those of the configuration
        self._answered: set[str] = set()

    def configure(self, logins: Iterable[Login]) -> None:
        """Also logins without a job are asked: the store may have been lost."""
        self._logins = {login.id: login for login in logins}

    def due(
        self, replicas: Iterable[Replica], now: float, abandoned: Iterable[Job] = ()
    ) -> list[Login]:
        replicas = list(replicas)
        names = {one.job.name for one in replicas}
        self.learned = {name: at for name, at in self.learned.items() if name in names}
        self._looked = {name: at for name, at in self._looked.items() if name in names}
        wanted = {
            login.id: login
            for login in self._logins.values()
            if now - self._asked.get(login.id, 0.0) >= self._pace(login.id)
        }
        for login in (spec_of(job).login for job in abandoned):
            if now - self._asked.get(login.id, 0.0) >= TROUBLED_EVERY:
                wanted[login.id] = login
        for replica in replicas:
            login = login_of(replica)
            if now - self._asked.get(login.id, 0.0) >= queue_interval(replica, now):
                wanted[login.id] = login
        self._asked |= dict.fromkeys(wanted, now)
        return list(wanted.values())

    def needed(self, jobs: Iterable[Job]) -> set[tuple[str, int]]:
        """The first connection of each login of the configuration, and of each that a job was
        submitted with."""
        logins = self._logins.keys() | {spec_of(job).login.id for job in jobs}
        return {(login_id, 0) for login_id in logins}

    def single(self, replicas: Iterable[Replica], now: float) -> list[Replica]:
        """Those whose jobs are asked about by their ids: just submitted, where they are few."""
        new: dict[str, list[Replica]] = {}
        for replica in replicas:
            if is_new(replica, now):
                new.setdefault(login_of(replica).id, []).append(replica)
        few = [one for some in new.values() if len(some) <= LOOK_AT_MOST for one in some]
        return [one for one in few if self._look_is_due(one.job, now)]

    def _look_is_due(self, job: Job, now: float) -> bool:
        if now - self._looked.get(job.name, 0.0) < LOOK_EVERY:
            return False
        self._looked[job.name] = now
        return True

    def answered(self, login_id: str) -> None:
        self._answered.add(login_id)

    def _pace(self, login_id: str) -> float:
        fine = login_id in self._answered and not self.trouble.get(login_id)
        return IDLE_EVERY if fine else TROUBLED_EVERY

    def troubles(
        self, specs: Mapping[str, JobSpec], replicas: Iterable[Replica]
    ) -> dict[str, Trouble]:
        """By route. For a service with a job, the login is the one its job was submitted with."""
        if not any(self.trouble.values()):
            return {}
        logins = {route: spec.login.id for route, spec in specs.items()}
        logins |= {one.route: login_of(one).id for one in replicas}
        return {r: found for r, login in logins.items() if (found := self.trouble.get(login))}


def login_of(replica: Replica) -> Login:
    """The login its job was submitted with."""
    return spec_of(replica.job).login

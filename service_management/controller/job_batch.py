"""Jobs that one call can be about: scancel for all of a login, or one search for many names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Generic, TypeVar

from service_management.controller.priority_threads import Priority
from service_management.controller.workers import LoginWorker, Workers

Item = TypeVar("Item")
MOST_AT_ONCE = 200  # jobs in one call


class JobBatch(Generic[Item]):
    """Collects jobs by login until the login is free for the call. Used by the controller's thread
    alone."""

    def __init__(
        self, priority: Priority, work: Callable[[LoginWorker, dict[str, Item]], None]
    ) -> None:
        self._priority, self._work = priority, work
        self._collected: dict[str, dict[str, Item]] = {}

    def add(self, login_id: str, job: str, item: Item) -> None:
        self._collected.setdefault(login_id, {})[job] = item

    def start(self, workers: Workers) -> None:
        """Not while an earlier call is under way: the next pass tries again, with more jobs."""
        for login_id, jobs in list(self._collected.items()):
            worker = workers.known(login_id)
            batch = dict(islice(jobs.items(), MOST_AT_ONCE))
            if worker is None or self._call(worker, batch):
                for job in batch:
                    del jobs[job]
            if not jobs:
                del self._collected[login_id]

    def _call(self, worker: LoginWorker, batch: dict[str, Item]) -> bool:
        return worker.do(self._priority, self._priority, partial(self._work, worker, batch))

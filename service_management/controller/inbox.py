"""How all other threads talk to the controller: they put an item in, and may wait until it is
processed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service_management.config import Catalogue, Problem
from service_management.controller.public_view import Trouble
from service_management.lifecycle.events import Event
from service_management.lifecycle.job_views import JobView


@dataclass(frozen=True)
class Happened:
    """An event for one service."""

    route: str
    event: Event
    done: threading.Event | None = None
    waits: bool = False  # not urgent: the next pass need not start sooner for it


@dataclass(frozen=True)
class Suspected:
    """A ready service could not be reached: look at its health now."""

    route: str


@dataclass(frozen=True)
class ClosesUnannounced:
    """The service closes connections after an answer that did not say so."""

    route: str


@dataclass(frozen=True)
class ScaleAsked:
    """An operator asks for other numbers of replicas than the file has."""

    route: str
    numbers: Mapping[str, int]  # min_replicas, max_replicas; none: as in the file
    done: threading.Event


@dataclass(frozen=True)
class QueueAnswer:
    """What squeue answered at one login, and when it was asked."""

    login_id: str
    views: Sequence[JobView]
    asked_at: float


@dataclass(frozen=True)
class OrphanPort:
    """The port that a job without a record was submitted with; None where Slurm does not tell."""

    login_id: str
    view: JobView
    port: int | None
    asked_at: float  # when squeue, which showed the job, was asked


@dataclass(frozen=True)
class LoginState:
    """A login answered (None), or did not, and why."""

    login_id: str
    trouble: Trouble | None = None


@dataclass(frozen=True)
class ConnectionRefused:
    """A login opened no further SSH connection."""

    login_id: str
    number: int


@dataclass(frozen=True)
class CatalogueLive:
    """nginx serves this catalogue."""

    catalogue: Catalogue
    not_reused: frozenset[str] = frozenset()  # routes whose connections carry one request each
    refused: tuple[Problem, ...] = ()  # why the file is not served, and an earlier one is


@dataclass(frozen=True)
class CatalogueRefused:
    problems: tuple[Problem, ...]


Item = (
    Happened
    | Suspected
    | ClosesUnannounced
    | ScaleAsked
    | QueueAnswer
    | OrphanPort
    | LoginState
    | ConnectionRefused
    | CatalogueLive
    | CatalogueRefused
)


class Inbox:
    """Items keep their order of arrival, also where some may wait: demand from before a stop must
    not be processed after it."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._urgent = threading.Event()

    def put(self, item: Item) -> None:
        self._items.append(item)
        if not (isinstance(item, Happened) and item.waits):
            self._urgent.set()

    def wake(self) -> None:
        self._urgent.set()

    def take(self, timeout: float) -> Sequence[Item]:
        """Wait for an urgent item, then take all items that are there."""
        self._urgent.wait(max(timeout, 0.0))
        self._urgent.clear()  # first: a later item is taken below, or wakes the next call
        return [self._items.popleft() for _ in range(len(self._items))]

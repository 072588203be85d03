"""How everybody else talks to the controller: put something in, perhaps wait until it is done."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service_management.config import Catalogue, Problem
from service_management.controller.matching import Answer
from service_management.lifecycle.events import Event


@dataclass(frozen=True)
class Happened:
    """An event for one service."""

    route: str
    event: Event
    done: threading.Event | None = None
    waits: bool = False  # for the next pass, which need not come sooner for it


@dataclass(frozen=True)
class Suspected:
    """A ready service could not be reached: look at its health now."""

    route: str


@dataclass(frozen=True)
class LoginState:
    """A login answered (empty text), or did not, and why."""

    login_id: str
    trouble: str = ""


@dataclass(frozen=True)
class CatalogueLive:
    """nginx serves this catalogue."""

    catalogue: Catalogue


@dataclass(frozen=True)
class CatalogueRefused:
    problems: tuple[Problem, ...]


Item = Happened | Suspected | Answer | LoginState | CatalogueLive | CatalogueRefused


class Inbox:
    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._waiting: queue.SimpleQueue[Item | None] = queue.SimpleQueue()

    def put(self, item: Item) -> None:
        waits = isinstance(item, Happened) and item.waits
        (self._waiting if waits else self._queue).put(item)

    def wake(self) -> None:
        self._queue.put(None)

    def take(self, timeout: float) -> Sequence[Item]:
        """Wait for the first item that does not wait, then take all that are there."""
        first: list[Item | None] = []
        with contextlib.suppress(queue.Empty):
            first.append(self._queue.get(timeout=max(timeout, 0.0)))
        found = [*first, *_all(self._queue), *_all(self._waiting)]
        return [item for item in found if item is not None]


def _all(waiting: queue.SimpleQueue[Item | None]) -> Iterator[Item | None]:
    with contextlib.suppress(queue.Empty):
        while True:
            yield waiting.get_nowait()

"""How everybody else talks to the controller: put something in, perhaps wait until it is done."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
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

    def put(self, item: Item) -> None:
        self._queue.put(item)

    def wake(self) -> None:
        self._queue.put(None)

    def take(self, timeout: float) -> Sequence[Item]:
        """Wait for the first item, then take all that are there."""
        items: list[Item] = []
        try:
            first = self._queue.get(timeout=max(timeout, 0.0))
            while True:
                if first is not None:
                    items.append(first)
                first = self._queue.get_nowait()
        except queue.Empty:
            return items

"""How everybody else talks to the controller: put something in, perhaps wait until it is done."""

from __future__ import annotations

import threading
from collections import deque
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
    """In the order of arrival, also where some items wait: demand from before a stop must not come
    after it."""

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
        """Wait for an item that does not wait, then take all that are there."""
        self._urgent.wait(max(timeout, 0.0))
        self._urgent.clear()  # first: what comes now is taken below, or wakes the next time
        return [self._items.popleft() for _ in range(len(self._items))]

"""Everything outside that the controller uses. It alone writes to any of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from service_management.controller.board import Board
from service_management.controller.catalogue import CatalogueWatcher
from service_management.controller.effects import Effects
from service_management.controller.inbox import Inbox
from service_management.controller.ledger import Ledger
from service_management.controller.publishing import Routes
from service_management.controller.traffic import Traffic
from service_management.store import Store


@dataclass(frozen=True)
class World:
    """One of each."""

    store: Store
    board: Board
    inbox: Inbox
    ledger: Ledger
    effects: Effects
    routes: Routes
    traffic: Traffic
    watcher: CatalogueWatcher
    # When a route was last asked, by nginx's log; None until all from before that time is read.
    heard: Callable[[str, float], float | None]
    open_since: Callable[[], float | None]  # since when clients can ask; None: they cannot

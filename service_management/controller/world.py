"""Everything outside that the controller uses. It alone writes to any of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from service_management.controller.board import Board
from service_management.controller.catalogue import CatalogueWatcher
from service_management.controller.effects import Effects
from service_management.controller.inbox import Inbox
from service_management.controller.ledger import Ledger
from service_management.controller.traffic import Traffic
from service_management.controller.tunnels import Sockets
from service_management.store import Store


class Routes(Protocol):
    """What is published is exactly what is ready."""

    def published(self) -> Iterable[str]: ...
    def publish(self, route: str, sockets: Sockets) -> None: ...
    def unpublish(self, route: str) -> None: ...


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

"""Everything outside that the controller uses. It alone writes to any of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from service_management.controller.config_watcher import CatalogueWatcher
from service_management.controller.executor import Effects
from service_management.controller.inbox import Inbox
from service_management.controller.publishing import Routes
from service_management.controller.records import Records
from service_management.controller.snapshot import Snapshot
from service_management.controller.traffic import InflightSampler
from service_management.store import Store


@dataclass(frozen=True)
class Dependencies:
    """One of each."""

    store: Store
    board: Snapshot
    inbox: Inbox
    ledger: Records
    effects: Effects
    routes: Routes
    traffic: InflightSampler
    watcher: CatalogueWatcher
    # When a route was last asked, by nginx's log; None until all from before that time is read.
    heard: Callable[[str, float], float | None]
    open_since: Callable[[], float | None]  # since when clients can ask; None: they cannot

"""What goes wrong in one pass of the controller costs that pass, and nothing that arrived."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy.exc import OperationalError

from service_management.config import Catalogue
from service_management.controller.config_watcher import CatalogueWatcher, Source
from service_management.controller.executor import Effects
from service_management.controller.inbox import CatalogueLive, Happened, Inbox
from service_management.controller.loop import Controller
from service_management.controller.records import Records
from service_management.controller.snapshot import Snapshot
from service_management.controller.traffic import InflightSampler
from service_management.controller.workers import Workers
from service_management.controller.world import Dependencies
from service_management.gateway.inflight import Sample
from service_management.lifecycle import events as ev
from service_management.lifecycle.states import State
from service_management.ssh.call_counts import CallCounts
from service_management.store import Store
from tests.unit.controller.samples import KEY_DIR, configured

BEFORE_ANY_POLL = 1.0  # the clock of these passes: no login's turn has come


class NoRoutes:
    def published(self) -> list[str]:
        return []

    def publish(self, route: str, tunnels: tuple[Path, ...], quiet: Path) -> None:
        raise AssertionError(route)

    def unpublish(self, route: str) -> None:
        raise AssertionError(route)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Dependencies]:
    inbox, ledger = Inbox(), Records("io", KEY_DIR, {})
    source = Source(tmp_path / "none", lambda _: [], lambda _: None, Catalogue.of([]))
    store = Store(f"sqlite:///{tmp_path / 'state.db'}")
    made = Dependencies(
        store=store,
        board=Snapshot(),
        inbox=inbox,
        ledger=ledger,
        effects=Effects(Workers(None, CallCounts()), tmp_path, inbox.put, ledger.service),
        routes=NoRoutes(),
        traffic=InflightSampler(lambda: Sample(known=True)),
        watcher=CatalogueWatcher(source, inbox.put),
        heard=lambda _route, _since: 0.0,
        open_since=lambda: None,
    )
    yield made
    made.watcher.close()
    store.close()


def test_a_catalogue_that_cannot_be_stored_is_in_force_and_what_came_after_it_is_not_lost(
    world: Dependencies, tmp_path: Path
) -> None:
    controller = Controller(world, "io", clock=lambda: BEFORE_ANY_POLL)
    with sqlite3.connect(tmp_path / "state.db") as broken:
        broken.execute("ALTER TABLE notes RENAME TO elsewhere")
    catalogue, done = Catalogue.of([configured()]), threading.Event()

    with pytest.raises(OperationalError):
        controller.step(
            [CatalogueLive(catalogue), Happened("digits", ev.DisableAsked(), done)],
        )
    controller.step([])

    assert list(world.board.services) == ["digits"]
    assert world.board.version == catalogue.version
    assert done.is_set()
    assert world.board.records["digits"].state is State.DISABLED
    assert world.store.load()["digits"].state is State.DISABLED
    broken.close()


def test_a_service_that_cannot_be_decided_about_costs_the_others_nothing_and_is_told_once(
    world: Dependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept running: the tick is what submits it."""
    controller = Controller(world, "io", clock=lambda: BEFORE_ANY_POLL)
    good = configured("good", min_replicas=1, local_port=9002)
    bad = configured("bad", min_replicas=1).model_copy(update={"env": {"A": "\ud800"}})
    world.ledger.configure({"bad": bad, "good": good})
    monkeypatch.setattr(world.effects, "dispatch", lambda *_: None)
    monkeypatch.setattr(world.effects, "submitting", lambda _job: False)
    monkeypatch.setattr(world.effects, "poll", lambda *_: None)

    with structlog.testing.capture_logs() as logged:
        controller.step([])
        controller.step([])

    states = {route: record.state for route, record in world.board.records.items()}
    assert states == {"bad": State.COLD, "good": State.QUEUED}
    assert [line["route"] for line in logged if line["log_level"] == "error"] == ["bad"]


def test_what_was_written_before_an_action_failed_is_not_written_again(
    world: Dependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = Controller(world, "io", clock=lambda: BEFORE_ANY_POLL)
    controller.step([CatalogueLive(Catalogue.of([configured()]))])
    tried = []

    def dispatch(*what: object) -> None:
        tried.append(what)
        if len(tried) == 1:
            raise RuntimeError

    monkeypatch.setattr(world.effects, "dispatch", dispatch)
    monkeypatch.setattr(world.effects, "submitting", lambda _job: False)
    monkeypatch.setattr(world.effects, "poll", lambda *_: None)
    with pytest.raises(RuntimeError):
        controller.step([Happened("digits", ev.Demanded())])
    controller.step([])

    assert len(tried) >= 2
    assert len([e for e in world.store.events("digits") if e.state == "queued"]) == 1

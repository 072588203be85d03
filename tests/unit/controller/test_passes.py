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
from service_management.controller.effects import RecordingEffects
from service_management.controller.inbox import CatalogueLive, Happened, Inbox
from service_management.controller.loop import Controller, Dependencies
from service_management.controller.records import Records
from service_management.controller.snapshot import Snapshot
from service_management.gateway.inflight import InflightSampler, Sample
from service_management.lifecycle import events as ev
from service_management.lifecycle.states import State
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
def uses(tmp_path: Path) -> Iterator[Dependencies]:
    inbox = Inbox()
    source = Source(tmp_path / "none", lambda _: [], lambda _: None, Catalogue.of([]))
    store = Store(f"sqlite:///{tmp_path / 'state.db'}")
    made = Dependencies(
        store=store,
        snapshot=Snapshot(),
        inbox=inbox,
        records=Records("io", KEY_DIR, {}),
        effects=RecordingEffects(),
        routes=NoRoutes(),
        inflight=InflightSampler(lambda: Sample(known=True)),
        watcher=CatalogueWatcher(source, inbox.put),
        run_dir=tmp_path,
        last_request=lambda _route, _since: 0.0,
        open_since=lambda: None,
    )
    yield made
    made.watcher.close()
    store.close()


def test_a_catalogue_that_cannot_be_stored_is_in_force_and_what_came_after_it_is_not_lost(
    uses: Dependencies, tmp_path: Path
) -> None:
    controller = Controller(uses, clock=lambda: BEFORE_ANY_POLL)
    with sqlite3.connect(tmp_path / "state.db") as broken:
        broken.execute("ALTER TABLE notes RENAME TO elsewhere")
    catalogue, done = Catalogue.of([configured()]), threading.Event()

    with pytest.raises(OperationalError):
        controller.step(
            [CatalogueLive(catalogue), Happened("digits", ev.DisableAsked(), done)],
        )
    controller.step([])

    assert list(uses.snapshot.services) == ["digits"]
    assert uses.snapshot.version == catalogue.version
    assert done.is_set()
    assert uses.snapshot.records["digits"].state is State.DISABLED
    assert uses.store.load()["digits"].state is State.DISABLED
    broken.close()


def test_a_service_that_cannot_be_decided_about_costs_the_others_nothing_and_is_told_once(
    uses: Dependencies,
) -> None:
    """Kept running: the tick is what submits it."""
    controller = Controller(uses, clock=lambda: BEFORE_ANY_POLL)
    good = configured("good", min_replicas=1, local_port=9002)
    bad = configured("bad", min_replicas=1).model_copy(update={"env": {"A": "\ud800"}})
    uses.records.configure({"bad": bad, "good": good})

    with structlog.testing.capture_logs() as logged:
        controller.step([])
        controller.step([])

    states = {route: record.state for route, record in uses.snapshot.records.items()}
    assert states == {"bad": State.COLD, "good": State.QUEUED}
    assert [line["route"] for line in logged if line["log_level"] == "error"] == ["bad"]


def test_what_was_written_before_an_action_failed_is_not_written_again(uses: Dependencies) -> None:
    controller = Controller(uses, clock=lambda: BEFORE_ANY_POLL)
    controller.step([CatalogueLive(Catalogue.of([configured()]))])
    uses.effects.fail_next = RuntimeError()
    with pytest.raises(RuntimeError):
        controller.step([Happened("digits", ev.Demanded())])
    controller.step([])

    assert [call[0] for call in uses.effects.calls].count("start") >= 2
    assert len([e for e in uses.store.events("digits") if e.state == "queued"]) == 1

"""What the watcher reports, and in which order."""

from __future__ import annotations

from pathlib import Path

from service_management.config import Catalogue, Problem
from service_management.controller.config_watcher import CatalogueWatcher, Source
from service_management.controller.inbox import CatalogueLive, CatalogueRefused, Item
from tests.stack.waiting import wait_for

from .harness import Harness
from .samples import configured

PROBLEM = Problem("digits", "timeout", "x", "must be a number")


def watcher(tmp_path: Path, put) -> CatalogueWatcher:
    file = tmp_path / "services_config.json"
    file.write_text("{}")
    last_good = Catalogue.of([configured()])
    return CatalogueWatcher(
        Source(file, lambda _: [PROBLEM], lambda _: frozenset(), last_good), put
    )


def test_the_last_good_catalogue_comes_with_what_is_wrong(tmp_path: Path) -> None:
    """`orchestrator up` waits for either: it must not miss that the file is refused."""
    items: list[Item] = []
    watched = watcher(tmp_path, items.append)
    watched.look(1.0)
    wait_for("both are reported", lambda: len(items) == 2, 10)
    watched.close()
    live, refused = items
    assert isinstance(live, CatalogueLive)
    assert (live.refused, refused) == ((PROBLEM,), CatalogueRefused((PROBLEM,)))


def test_problems_are_shown_beside_the_catalogue_that_is_served(tmp_path: Path) -> None:
    harness = Harness(tmp_path).restore()
    harness.step(CatalogueLive(Catalogue.of([configured()]), refused=(PROBLEM,)))
    assert harness.snapshot.config_error == (PROBLEM,)
    assert list(harness.snapshot.services) == ["digits"]
    harness.close()

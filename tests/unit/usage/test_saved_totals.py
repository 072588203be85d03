"""Totals survive in the store: a row per service, and only the changed ones are written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service_management.store import Store
from service_management.usage import saved_totals
from service_management.usage.log_reader import Step
from service_management.usage.totals import UsageTotals
from tests.unit.usage.log_lines import held, line


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path / 'state.db'}")
    yield store
    store.close()


def after(usage: UsageTotals, *lines: bytes) -> UsageTotals:
    return usage.after(Step(list(lines), {"1:a": 7}, behind=False))


def test_totals_come_back_as_they_were(store: Store) -> None:
    usage = replace(after(UsageTotals(), line("a", held=held(2.0)), line("b")), lost=3)
    saved_totals.save(store, UsageTotals(), usage)
    assert saved_totals.load(store) == usage


def test_only_changed_services_are_written(store: Store) -> None:
    first = after(UsageTotals(), line("a"), line("b"))
    saved_totals.save(store, UsageTotals(), first)
    store.save_usage({}, {"b": "as it was"})
    saved_totals.save(store, first, after(first, line("a"), line("c")))
    rows = store.load_usage()[1]
    assert rows.keys() == {"a", "b", "c"}
    assert rows["b"] == "as it was"
    assert json.loads(rows["a"])["statuses"] == {"200": 2}


def test_a_service_that_is_gone_from_the_totals_loses_its_row(store: Store) -> None:
    both = after(UsageTotals(), line("a"), line("b"))
    saved_totals.save(store, UsageTotals(), both)
    saved_totals.save(store, both, replace(both, services={"b": both.services["b"]}))
    assert saved_totals.load(store).services.keys() == {"b"}


@pytest.mark.parametrize("broken", ["7", "{", '{"statuses": 7}', '{"answer": {"bounds": [1.0]}}'])
def test_totals_of_another_version_begin_at_zero(store: Store, broken: str) -> None:
    usage = after(UsageTotals(), line("a"), line("b"))
    saved_totals.save(store, UsageTotals(), usage)
    store.save_usage({}, {"a": broken})
    assert saved_totals.load(store) == UsageTotals()
    assert store.load_usage() == ({}, {})


@pytest.mark.parametrize("position", [7, {"positions": 7}, {"malformed": "many"}])
def test_a_position_that_cannot_be_read_begins_at_zero(store: Store, position: object) -> None:
    store.save_usage(position, {})
    assert saved_totals.load(store) == UsageTotals()

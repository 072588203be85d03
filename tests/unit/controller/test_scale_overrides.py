"""Numbers of replicas that an operator asked for, in place of those in the file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service_management.config import Catalogue, Problem
from service_management.controller.scale_overrides import ScaleOverrides
from tests.unit.controller.samples import configured

FILE = Catalogue.of([configured("digits", max_replicas=2), configured("text")])


class Notes:
    def __init__(self) -> None:
        self.stored: Any = None

    def __call__(self, _key: str, value: Any) -> None:
        self.stored = json.loads(json.dumps(value))


def overrides(notes: Notes, catalogue: Catalogue | None = FILE) -> ScaleOverrides:
    made = ScaleOverrides(notes.stored, notes)
    if catalogue is not None:
        made.applied(catalogue)
    return made


def numbers(made: ScaleOverrides, catalogue: Catalogue = FILE) -> tuple[int, int]:
    found = made.applied(catalogue)
    assert isinstance(found, Catalogue)
    service = found.services["digits"]
    return service.min_replicas, service.max_replicas


@pytest.mark.parametrize(
    ("asked", "becomes"),
    [
        ({"min_replicas": 1, "max_replicas": 3}, (1, 3)),
        ({"min_replicas": 2}, (2, 2)),
        ({"min_replicas": 5}, (5, 5)),
        ({"max_replicas": 6}, (0, 6)),
        ({}, (0, 2)),
    ],
)
def test_what_is_asked_for_counts(asked: dict[str, int], becomes: tuple[int, int]) -> None:
    made = overrides(Notes())
    assert made.ask("digits", asked)
    assert numbers(made) == becomes


def test_it_counts_after_a_restart_until_the_entry_is_edited() -> None:
    notes = Notes()
    overrides(notes).ask("digits", {"min_replicas": 2})
    assert numbers(overrides(notes, None)) == (2, 2)
    edited = Catalogue.of([configured("digits", max_replicas=2, timeout=61)])
    assert numbers(overrides(notes, None), edited) == (0, 2)
    assert numbers(overrides(notes, None)) == (0, 2)  # edited back: that is an edit too


def test_an_edit_of_another_service_changes_nothing() -> None:
    notes = Notes()
    made = overrides(notes)
    made.ask("digits", {"min_replicas": 2})
    other = Catalogue.of([FILE.services["digits"], configured("text", timeout=61)])
    assert numbers(made, other) == (2, 2)


def test_without_numbers_it_is_as_in_the_file_again() -> None:
    made = overrides(Notes())
    made.ask("digits", {"min_replicas": 2})
    made.ask("digits", {})
    assert numbers(made) == (0, 2)


def test_nothing_is_asked_of_a_service_that_is_not_in_the_file() -> None:
    assert not overrides(Notes()).ask("nothing", {"min_replicas": 1})
    assert not overrides(Notes(), None).ask("digits", {"min_replicas": 1})


def test_a_refused_file_forgets_nothing() -> None:
    notes = Notes()
    made = overrides(notes)
    made.ask("digits", {"min_replicas": 2})
    refused = [Problem("(file)", "", "", "not JSON")]
    assert made.applied(refused) == refused
    assert numbers(made) == (2, 2)


def test_the_catalogue_has_another_version_and_the_same_warnings() -> None:
    warned = Catalogue.of(FILE.services.values(), [Problem("digits", "", "", "beware")])
    made = overrides(Notes())
    made.ask("digits", {"min_replicas": 2})
    found = made.applied(warned)
    assert isinstance(found, Catalogue)
    assert found.version != FILE.version
    assert found.warnings == warned.warnings


@pytest.mark.parametrize("stored", [None, [], "x"])
def test_what_was_stored_may_be_unreadable(stored: Any) -> None:
    assert numbers(ScaleOverrides(stored, Notes())) == (0, 2)

"""docs/configuration.md says what the models say, and its examples are real."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from service_management.config import KEYS, RESERVED_ROUTES, Catalogue
from service_management.config.job_options import OWNED
from service_management.config.models import JOB_FIELDS, ROUTE_FIELDS
from tests.unit.config.samples import found_in, parsed, service

TEXT = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
ROWS = {
    row[0]: row[1:]
    for row in re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| `(.+?)` \| (.+) \|$", TEXT, re.M)
}


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.M | re.S)


@pytest.mark.parametrize("name", sorted(KEYS))
def test_every_key_is_documented_with_default_and_example(name: str) -> None:
    _, default, example, meaning = ROWS[name]
    key = KEYS[name]
    expected = json.loads(json.dumps(key.default))
    assert default == "needed" if key.needed else json.loads(default.strip("`")) == expected
    assert json.loads(example) == key.examples[0]
    assert meaning.endswith(".")


def test_nothing_is_documented_that_is_no_key() -> None:
    assert ROWS.keys() == KEYS.keys()


@pytest.mark.parametrize("text", blocks("json"))
def test_the_examples_are_valid(text: str) -> None:
    assert isinstance(parsed(text), Catalogue)


@pytest.mark.parametrize("text", blocks("json part"))
def test_the_keys_shown_alone_are_valid(text: str) -> None:
    service(**json.loads(f"{{{text}}}"), max_replicas=4)


def test_the_documented_problems_are_those_reported() -> None:
    (bad,) = blocks("json bad")
    (told,) = blocks("text")
    assert told.splitlines() == list(map(str, found_in(bad)))


def test_reserved_routes_and_owned_options_are_named() -> None:
    assert all(f"`{route}`" in ROWS["route_name"][3] for route in RESERVED_ROUTES)
    assert all(f"`--{name}`" in TEXT for name in OWNED)
    assert all(f"`-{short}`" in TEXT for short in OWNED.values() if short)


def test_the_effect_of_an_edit_is_documented_for_every_key() -> None:
    told = {
        frozenset(re.findall(r"`(\w+)`", row))
        for row in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| [^|]+ \|$", TEXT, re.M)
    }
    settings = frozenset(KEYS) - {*JOB_FIELDS, *ROUTE_FIELDS}
    assert told == {frozenset(JOB_FIELDS), frozenset(ROUTE_FIELDS) - {"route_name"}, settings}

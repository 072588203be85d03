"""The schema for editors is the one in the repository, and says what the models say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from service_management.config import KEYS, schema
from tests.unit.config.good_values import GOOD
from tests.unit.config.samples import DIGITS, service

FILE = Path(__file__).parents[3] / "services_config.schema.json"
SERVICE: dict[str, Any] = schema()["properties"]["Services"]["items"]
DEFAULTS: dict[str, Any] = schema()["properties"]["Defaults"]


def test_the_file_in_the_repository_is_current() -> None:
    remake = "python -m service_management.config > services_config.schema.json"
    assert json.loads(FILE.read_text(encoding="utf-8")) == schema(), remake


def test_every_key_is_typed_and_explained_and_others_refused() -> None:
    assert SERVICE["additionalProperties"] is False
    assert SERVICE["properties"].keys() == KEYS.keys()
    for part in SERVICE["properties"].values():
        assert {"type", "anyOf"} & part.keys()
        assert part["description"].endswith(".")
        assert part["examples"]


def test_defaults_allow_all_keys_but_the_identifying_ones() -> None:
    assert SERVICE["properties"].keys() - DEFAULTS["properties"].keys() == {
        "name",
        "route_name",
        "local_port",
    }


def test_required_keys_are_required_without_defaults() -> None:
    needed = schema()["then"]["properties"]["Services"]["items"]["required"]
    assert set(needed) == DIGITS.keys() - {"local_host", "local_port"}
    assert set(needed) == {name for name, key in KEYS.items() if key.needed}


@pytest.mark.parametrize("name", sorted(KEYS))
def test_examples_and_defaults_are_valid(name: str) -> None:
    for example in KEYS[name].examples:
        service(**{name: example})
    if not KEYS[name].needed and name not in ("local_host", "local_port"):
        assert getattr(service(**{name: ...}), name) == KEYS[name].default
        assert SERVICE["properties"][name]["default"] == json.loads(json.dumps(KEYS[name].default))


@pytest.mark.parametrize("name", sorted(KEYS))
def test_the_patterns_accept_what_the_parser_accepts(name: str) -> None:
    """A stricter pattern would let an editor mark what is valid."""
    part = SERVICE["properties"][name]
    patterns = [limit["pattern"] for limit in part.get("anyOf", [part]) if "pattern" in limit]
    for _, value, _ in [row for row in GOOD if row[0] == name and isinstance(row[1], str)]:
        assert not patterns or any(re.search(pattern, value) for pattern in patterns), value
    items = part.get("items", {}).get("pattern", "")
    for _, values, _ in [row for row in GOOD if row[0] == name and isinstance(row[1], list)]:
        assert all(re.search(items, value) for value in values)

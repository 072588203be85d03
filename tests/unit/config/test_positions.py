"""Line and column of every problem."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service_management.config import KEYS, Catalogue, Problem
from tests.unit.config.samples import DIGITS, digits, file_of, found_in, other, parsed

HERE = "▸"  # marks the place in a file below, and is taken out

PLACES = [
    ("a wrong value", '{"Services": [{"name": "a", ▸"timeout": "10m"}]}', "timeout"),
    ("an escaped key", r'{"Services": [{"name": "a", ▸"\u0074imeout": "10m"}]}', "timeout"),
    ("an unknown key", '{"Services": [{\n  "name": "a",\n  ▸"tiemout": 1\n}]}', "tiemout"),
    ("an option", '{"Services": [{"name": "a",\n\n▸"gpus": 1}]}', "gpus"),
    ("a missing key", '{\n"Services": [\n  {}, ▸{"name": "ü\\"{,"}]}', "timeout"),
    ("an item", '{"Services": [{"api_paths": ["/a",\n ▸"b"], "name": "a"}]}', "api_paths[1]"),
    ("a name in env", '{"Services": [{"env": {"A": "1", ▸"B C": ""}, "name": "a"}]}', "env.B C"),
    ("a value in env", '{"Services": [{"env": {"A": "1",\n▸"B": 2}, "name": "a"}]}', "env.B"),
    ("in a schedule", '{"Services":[{"schedule": [{},{"to": "",\n▸"x": ""}]}]}', "schedule[1].x"),
    ("a default", '{"Services": [{"name":"a"}], "Defaults": {▸"ssh_port": 0}}', "ssh_port"),
    ("a misspelt section", '{▸"services": []}', "services"),
    ("in a misspelt section", '{"services": [{"name": "a", ▸"ssh_port": 0}]}', "ssh_port"),
    ("no services", ' ▸{"Defaults": {}}', "Services"),
    ("no object", '{"Services": [▸3]}', ""),
    ("a key twice", '{"Services": [{"name": "a", "env": {},\n▸"env": {}}]}', "env"),
    ("twice in env", '{"Services": [{"name":"a","env":{"A":"","B":"",▸"A":""}}]}', "env.A"),
    ("twice at the top", '{"Services": [], ▸"Services": []}', "Services"),
    ("Windows' line ends", '{\r\n  "Services": [],\r\n  ▸"Zzz": 1\r\n}', "Zzz"),
    ("after a byte order mark", '\ufeff{▸"Zzz": 1, "Services": []}', "Zzz"),
]


def place(marked: str) -> tuple[int, int]:
    before = marked.removeprefix("\ufeff").partition(HERE)[0].split("\n")
    return len(before), len(before[-1]) + 1


@pytest.mark.parametrize(("marked", "key"), [row[1:] for row in PLACES], ids=[p[0] for p in PLACES])
def test_a_problem_has_the_place_of_its_key_or_item(marked: str, key: str) -> None:
    found = found_in(marked.replace(HERE, ""))
    assert place(marked) in [(each.line, each.column) for each in found if each.key == key]


def line_of(found: list[Problem], key: str) -> list[int | None]:
    return [each.line for each in found if each.key == key]


def test_a_clash_of_two_services_is_at_the_later_one() -> None:
    text = file_of(digits(), other(route_name="digits", local_port=9001)).replace("{", "\n{")
    found = found_in(text)
    assert line_of(found, "route_name") == line_of(found, "local_port") == [4]
    assert {found[0].column, found[1].column} != {1}


def test_a_clash_with_a_default_is_at_the_service() -> None:
    text = file_of(digits(max_replicas=1), Defaults={"min_replicas": 2}).replace("{", "\n{")
    (clash,) = found_in(text)
    assert (clash.key, clash.line, clash.column) == ("min_replicas", 3, 1)


def test_problems_are_in_the_order_of_the_file() -> None:
    text = json.dumps({"Defaults": {"x": 1}, "Services": [digits(y=1), {}], "z": 1}, indent=1)
    lines = [each.line or 0 for each in found_in(text)]
    assert lines == sorted(lines)
    assert lines[0] == 3


def test_a_place_is_no_secret_and_public() -> None:
    for changes in ({"timeout": "canary"}, {"partition": "canary"}, {"env": {"A": ["canary"]}}):
        (problem,) = found_in(file_of(digits(**changes)))
        assert problem.public().line == problem.line == 1
        assert "canary" not in str(problem.public())


# The property: whatever was done to a good file, a problem is somewhere in it.
GOOD = json.dumps(
    {
        "Defaults": {"sbatch_args": ["--partition=gpu"], "env": {"A": "1"}},
        "Services": [digits(), other(quiet_paths=["/a"], max_body="1MB")],
    },
    indent=2,
)
VALUES = st.sampled_from([None, True, 0, -1, 1e9, "", "x", "10m", "ünï", [], ["a b"], {}, {"a": 1}])
CUT = st.integers(0, len(GOOD))
mutations = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def assert_problems_are_inside(text: str) -> None:
    found = parsed(text)
    if isinstance(found, Catalogue):
        return
    lines = text.removeprefix("\ufeff").split("\n")
    for problem in found:
        assert problem.line, str(problem)
        assert problem.column, str(problem)
        assert problem.line <= len(lines)
        assert problem.column <= len(lines[problem.line - 1]) + 1


@mutations
@given(start=CUT, length=st.integers(0, 40), text=st.text(max_size=5) | st.sampled_from('"{}[],:'))
def test_problems_of_any_mutated_text_are_inside(start: int, length: int, text: str) -> None:
    assert_problems_are_inside(GOOD[:start] + text + GOOD[start + length :])


@mutations
@given(data=st.data(), indent=st.sampled_from([None, 1, "\t"]))
def test_problems_of_any_mutated_entries_are_inside(data: Any, indent: Any) -> None:
    keys = st.sampled_from([*KEYS, "gpus", "health", "tiemout", "x"])
    changes = st.dictionaries(keys, VALUES, max_size=4)
    services = [{**DIGITS, **data.draw(changes)}, data.draw(changes), data.draw(VALUES)]
    sections = {"Services": services, "Defaults": data.draw(changes), **data.draw(changes)}
    assert_problems_are_inside(json.dumps(sections, indent=indent))


@mutations
@given(text=st.text(alphabet='{}[]",:\\ \n\ufeff\r1aé'))
def test_problems_of_any_text_are_inside(text: str) -> None:
    assert_problems_are_inside(text)

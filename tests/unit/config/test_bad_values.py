"""One service with one bad value: exactly one problem, with this message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from service_management.config import KEYS, Problem
from tests.unit.config.bad_logins import BAD_LOGINS
from tests.unit.config.bad_settings import BAD_SETTINGS
from tests.unit.config.samples import digits, file_of, parsed

TABLE = BAD_LOGINS + BAD_SETTINGS


@pytest.mark.parametrize(
    ("key", "value", "reported_key", "rule", "suggestion"),
    TABLE,
    ids=[f"{row[0]!a}-{number}" for number, row in enumerate(TABLE)],
)
def test_a_bad_value_is_named_with_key_rule_and_nearest_spelling(
    key: str, value: Any, reported_key: str, rule: str, suggestion: str
) -> None:
    found = parsed(file_of(digits(**{key: value})))
    assert isinstance(found, list)
    assert [(problem.key, problem.rule, problem.suggestion) for problem in found] == [
        (reported_key, rule, suggestion)
    ]
    assert key == "name" or found[0].service == "Digits"


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [(row[0], row[4]) for row in TABLE if row[4] and row[0] == row[2] and row[0] in KEYS],
)
def test_what_is_suggested_for_a_value_is_valid(key: str, suggestion: str) -> None:
    text = file_of(digits(**{key: "@"})).replace('"@"', suggestion)
    assert not isinstance(parsed(text), list)


def test_a_problem_is_one_line_and_an_object() -> None:
    problem = Problem("Digits", "ssh_port", '"22"', "must be a whole number", "22")
    assert str(problem) == 'Digits: ssh_port = "22": must be a whole number (nearest valid: 22)'
    assert problem.to_json() == {
        "service": "Digits",
        "key": "ssh_port",
        "value": '"22"',
        "rule": "must be a whole number",
        "suggestion": "22",
        "line": None,
        "column": None,
    }
    placed = replace(problem, line=3, column=7)
    assert str(placed) == f"line 3, column 7: {problem}"


def test_long_values_are_cut_and_unprintable_ones_escaped() -> None:
    (problem,) = parsed(file_of(digits(name="\u202e" + "x" * 90)))
    assert len(problem.value) == 60
    assert str(problem).isprintable()

"""The order in which the workers begin the test files."""

from __future__ import annotations

from tests.running_order import longest, scope_of

QUICK, SLOW, NEW = "tests/unit/test_a.py", "tests/cluster/test_b.py", "tests/cluster/test_c.py"


def test_the_recorded_longest_file_comes_first() -> None:
    assert longest({QUICK: 500, SLOW: 1}, {QUICK: 3, SLOW: 90}) == SLOW


def test_an_unrecorded_file_counts_by_its_directory() -> None:
    assert longest({QUICK: 500, SLOW: 4, NEW: 5}, {QUICK: 3, SLOW: 20}) == NEW


def test_all_tests_with_docker_are_one_scope() -> None:
    assert scope_of("tests/docker/test_x.py::test_y[1]") == "tests/docker"
    assert scope_of(f"{SLOW}::test_y[a/b::c]") == SLOW

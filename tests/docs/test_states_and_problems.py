"""States, reasons and problems: tables and code list the same ones."""

from __future__ import annotations

import re

import pytest

from service_management.api.problems import KINDS, PREFIX
from service_management.lifecycle.states import Reason, State
from tests.docs.pages import ROOT, fences, first_column, read, rows, section, ticked

LIFECYCLE, ERRORS = "docs/lifecycle.md", "docs/errors.md"
TROUBLESHOOTING = "docs/troubleshooting.md"


def test_the_states_are_the_states() -> None:
    assert first_column(LIFECYCLE, "States") == [state.value for state in State]


def test_the_diagram_draws_every_state_and_no_other() -> None:
    (diagram,) = [text for info, text in fences(LIFECYCLE) if info == "mermaid"]
    drawn = set(re.findall(r"\b([a-z]+)(?= -->)|(?<=--> )([a-z]+)", diagram))
    assert {first or second for first, second in drawn} == {state.value for state in State}


def test_the_reasons_are_the_reasons() -> None:
    documented = first_column(LIFECYCLE, "Reasons")
    assert len(documented) == len(set(documented))
    assert set(documented) == {reason.value for reason in Reason if reason is not Reason.NONE}


@pytest.mark.parametrize("row", rows(section(LIFECYCLE, "Reasons")), ids=lambda row: row[0])
def test_a_reason_names_states_that_exist_and_says_what_it_means(row: list[str]) -> None:
    _reason, seen_in, meaning, *_ = row
    assert set(ticked(seen_in)) <= {state.value for state in State}
    assert ticked(seen_in)
    assert len(meaning) > 10


def test_the_problems_of_the_control_plane_are_its_kinds() -> None:
    table = [tuple(row) for row in rows(section(ERRORS, "Errors of the control plane"))]
    assert table == [(f"`{kind.name}`", str(kind.status), kind.title) for kind in KINDS]
    assert PREFIX in read(ERRORS)


def test_the_problems_of_nginx_are_its_error_documents() -> None:
    source = (ROOT / "nginx/snippets/error_documents.conf").read_text()
    made = set(re.findall(r'"title":"([^"]+)","status":(\d+)', source))
    table = {(row[0].strip("`"), row[1]) for row in rows(section(ERRORS, "Errors of nginx"))}
    assert table == made


def test_every_problem_has_a_cause_and_what_to_do() -> None:
    kinds = rows(section(ERRORS, "Errors of the control plane"))
    expected = [f"{status} `{title}`" for _kind, status, title in kinds]
    expected += [f"{status} {title}" for title, status in rows(section(ERRORS, "Errors of nginx"))]
    explained = rows(section(TROUBLESHOOTING, "An error answer"))
    assert [row[0] for row in explained] == expected
    assert all(len(row) == 3 and all(row) for row in explained)

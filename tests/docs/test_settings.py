"""The environment: settings, `.env_template` and documentation have the same variables."""

from __future__ import annotations

import re

import pytest

from service_management.settings import VARIABLES, Variable
from tests.docs.pages import first_column, read, rows, section

PAGE, TITLE = "docs/environment.md", "Environment"


def test_the_variables_are_the_variables_in_their_order() -> None:
    assert first_column(PAGE, TITLE) == [variable.name for variable in VARIABLES]


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_a_variable_has_its_default_and_a_meaning(variable: Variable) -> None:
    (row,) = [row for row in rows(section(PAGE, TITLE)) if row[0] == f"`{variable.name}`"]
    assert row[1] == (f"`{variable.default}`" if variable.default else "(none)")
    assert len(row[2]) > 10


def test_the_template_lists_every_variable_with_its_default() -> None:
    listed = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", read(".env_template"), re.MULTILINE))
    assert listed == {variable.name: variable.default for variable in VARIABLES}

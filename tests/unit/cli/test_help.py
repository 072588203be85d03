"""`--help`: groups, one line a command, nothing about types."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest
from typer.testing import CliRunner

from service_management.cli import user_errors
from service_management.cli.commands import COMMANDS, app

NAMES = [name for group in COMMANDS.values() for name in group]


def shown(*words: str) -> str:
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, [*words, "--help"])
    assert done.exit_code == 0
    assert all(len(line) <= 80 for line in done.output.splitlines())
    return done.output


def test_commands_are_listed_in_groups_on_one_line_each() -> None:
    text = shown()
    assert re.findall(r"^(\w.*):$", text, re.MULTILINE) == ["Options", *COMMANDS]
    assert re.findall(r"^  (\w+) ", text.partition("Services:")[2], re.MULTILINE) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_help_has_no_noise_about_types(name: str) -> None:
    text = shown(name)
    assert not re.search(r"TEXT|INTEGER|BOOL|<|None|\[default|\[required|\d<=", text), text


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_of_a_command_begins_its_own_help(name: str) -> None:
    ((module, summary),) = (group[name] for group in COMMANDS.values() if name in group)
    function = getattr(importlib.import_module(f"service_management.cli.{module}"), name)
    assert inspect.getdoc(function).startswith(summary)


@pytest.mark.parametrize(
    ("module", "name"), {**user_errors._SENTENCES, **user_errors._STORE}.items()
)
def test_every_expected_error_is_where_it_is_looked_for(module: str, name: str) -> None:
    assert issubclass(getattr(importlib.import_module(module), name), Exception)

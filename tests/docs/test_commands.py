"""Commands and options: documentation and programs have the same ones, and examples run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from demo.__main__ import app as demo_app
from service_management.cli.commands import app
from tests.docs.pages import ROOT, fences, files, headings, read, rows, section, ticked

PAGE = "docs/commands.md"
_BRIEF = 60  # seconds for one documented command; a busy machine takes some
TYPED = re.compile(r"(?:sudo )?(\S+)(?: (\S+))?")


def commands(application: typer.Typer) -> dict[str, set[str]]:
    """Command → its options and arguments, as one types them."""
    group: Any = typer.main.get_command(application)
    return {name: _names_and_options(command.params) for name, command in group.commands.items()}


def _names_and_options(parameters: list[Any]) -> set[str]:
    found: set[str] = set()
    for parameter in parameters:
        is_argument = parameter.param_type_name == "argument"
        words = [parameter.name.upper()] if is_argument else parameter.opts
        found |= {*words, *parameter.secondary_opts}
    return found


def test_orchestrators_commands_and_options_are_documented() -> None:
    documented = {
        found[1]: {word for row in rows(section(PAGE, heading)) for word in ticked(row[0])}
        for heading in headings(PAGE)
        if (found := re.fullmatch(r"`orchestrator (\w+)`", heading))
    }
    assert documented == commands(app)


def test_the_options_of_orchestrator_itself_are_documented() -> None:
    group: Any = typer.main.get_command(app)
    introduction = section(PAGE, "orchestrator").partition("###")[0]
    documented = {word for row in rows(introduction) for word in ticked(row[0])}
    assert documented == {
        *_names_and_options(group.params),
        *group.context_settings["help_option_names"],
    }


@pytest.mark.parametrize("page", ["docs/demo-cluster.md", PAGE])
def test_the_demos_commands_and_options_are_documented(page: str) -> None:
    text = read(page)
    for name, options in commands(demo_app).items():
        (line,) = re.findall(rf"^.*python -m demo {name}\b(?=.*--dir).*$", text, re.MULTILINE)
        assert set(re.findall(r"--[a-z-]+", line)) == options


def test_start_cmds_commands_are_documented() -> None:
    script = read("start.cmd")
    verbs = re.search(r"^\s+([a-z|]+)\) command=", script, re.MULTILINE)
    flags = re.findall(r"^\s+(--[a-z-]+)\) ", script, re.MULTILINE)
    assert verbs
    documented = {ticked(row[0])[0] for row in rows(section(PAGE, "./start.cmd"))}
    assert documented == {*verbs[1].split("|"), *flags, "--help"}


@pytest.mark.parametrize("name", ["test.cmd", "dev.cmd"])
def test_the_words_of_a_script_are_documented_and_in_its_help(name: str) -> None:
    script = read(name)
    words = {*re.findall(r"^    (--[a-z]+)\)", script, re.MULTILINE), "--help"}
    documented = {word for row in rows(section(PAGE, f"./{name}")) for word in ticked(row[0])}
    assert {word for word in documented if re.fullmatch(r"--[a-z]+", word)} == words
    helped = re.search(r"<<'(\w+)'\n(.*?)^\1$", script, re.MULTILINE | re.DOTALL)
    assert helped
    assert words <= set(re.findall(r"--[a-z]+", helped[2]))


def marked_blocks() -> list[Any]:
    return [
        pytest.param(text, id=f"{path.name}: {text.strip()}")
        for path in files()
        for info, text in fences(str(path.relative_to(ROOT)))
        if info == "bash test"
    ]


@pytest.mark.parametrize("text", marked_blocks())
def test_a_block_marked_as_a_test_runs(text: str, tmp_path: Path) -> None:
    where = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": where, "HOME": str(tmp_path)}
    argv = ["bash", "-euo", "pipefail", "-c", text]
    subprocess.run(argv, cwd=ROOT, env=environment, timeout=_BRIEF, check=True)


def commands_of(page: str) -> list[tuple[str, str]]:
    """The program and the first word of every command that a page shows."""
    lines = [
        line.removeprefix("$ ")
        for info, text in fences(page)
        for line in text.splitlines()
        if info == "shell" or line.startswith("$ ")
    ]
    return [found.groups("") for line in lines if (found := TYPED.match(line))]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_commands_shown_on_a_page_exist(path: Path) -> None:
    """Every command that runs something of this repository."""
    for program, word in commands_of(str(path.relative_to(ROOT))):
        if program.startswith("./"):
            assert os.access(ROOT / program, os.X_OK), program
        if program.rpartition("/")[2] == "orchestrator":
            assert word in commands(app), word


def test_the_readme_starts_with_start_cmd_and_a_request() -> None:
    programs = [program for program, _word in commands_of("README.md")]
    assert programs[:3] == ["git", "./start.cmd", "curl"]

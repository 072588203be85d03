"""What a batch script says about its job, beside the options of sbatch_args."""

from __future__ import annotations

import pytest

from service_management.slurm.sbatch import option
from service_management.slurm.script_facts import JobFiles, ScriptFacts

SCRIPT = """#!/bin/bash
#SBATCH --job-name=x  # a comment
#SBATCH -o "my logs/%j.out" --chdir work

# more
#SBATCH --error=/scratch/jo/err
echo
#SBATCH --output=too-late.out
"""


def facts(text: str) -> ScriptFacts:
    return ScriptFacts("/home/jo", "/home/jo/run.sh", text=text)


@pytest.mark.parametrize(
    ("args", "directory", "outputs"),
    [
        ((), "/home/jo/work", ("/home/jo/work/my logs/%j.out", "/scratch/jo/err")),
        (("--output=a", "-D", "/x"), "/x", ("/x/a", "/scratch/jo/err")),
        (("-ob.out", "-e", "b.out"), "/home/jo/work", ("/home/jo/work/b.out",) * 2),
    ],
)
def test_where_a_job_runs_and_writes(
    args: tuple[str, ...], directory: str, outputs: tuple[str, ...]
) -> None:
    assert JobFiles.of(facts(SCRIPT), args) == JobFiles(directory, outputs)


def test_without_options_a_job_writes_to_the_home_directory() -> None:
    assert JobFiles.of(facts("#!/bin/sh\n"), ()) == JobFiles("/home/jo", ("/home/jo/slurm-%j.out",))


def test_the_last_value_of_an_option_counts() -> None:
    assert option(["--chdir=a", "-Db", "--chdir", "c"], "chdir", "D") == "c"
    assert option(["--dependency=x"], "chdir", "D") == ""


@pytest.mark.parametrize(
    ("line", "port", "used"),
    [
        ('serve "$1"', None, True),
        ("serve ${1:-80}", None, True),
        ('serve "$@"', None, True),
        ("serve --port 8000", 8000, True),
        ("serve --port 18000", 8000, False),
        ("serve --port 8000", None, False),
    ],
)
def test_whether_a_script_can_know_its_port(line: str, port: int | None, used: bool) -> None:
    assert facts(f"#!/bin/sh\n{line}\n").uses_port(port) is used


@pytest.mark.parametrize("line", ["#!/bin/sh", "#! /usr/bin/env bash"])
def test_a_shebang_names_an_interpreter(line: str) -> None:
    assert facts(f"{line}\r\n").has_shebang
    assert not facts(f" {line}\n").has_shebang
    assert facts(f"{line}\r\n").crlf_lines == 1

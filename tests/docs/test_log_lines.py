"""The log messages explained in the operator's pages are messages of the program."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.docs.pages import ROOT, rows, section, ticked

OURS = (
    ("docs/troubleshooting.md", "The gateway does not start"),
    ("docs/troubleshooting.md", "The configuration is refused"),
    ("docs/troubleshooting.md", "A service that is not ready"),
    ("docs/troubleshooting.md", "What SSH and Slurm say"),
    ("docs/troubleshooting.md", "control.log"),
)
FOREIGN = (
    "Could not resolve hostname",
    "Socket timed out on send/recv operation",
    "sbatch:",
)
_LITERALS_JOINED = re.compile(r'"\s*\n\s*f?"')
_VALUES = re.compile(
    r"""
    … | \b\d+\b              # left out; a number
    | \[\w+\ *\]             # the level
    | \w+='[^']*' | \w+=\w+  # key=value
    | \(?job\ \d+.*         # what is said of one job
    | :\ (?=Unable|invalid).*  # Slurm's own words
    | \w+\ =\ "[^"]*"       # a key and its value
    """,
    re.VERBOSE,
)


@cache
def said() -> str:
    """Every string literal of the product, those that continue on the next line joined."""
    files = sorted((ROOT / "service_management").rglob("*.py"))
    return "\n".join(_LITERALS_JOINED.sub("", file.read_text()) for file in files)


def sentences() -> list[str]:
    return [line for part in OURS for row in rows(section(*part)) for line in ticked(row[0])]


@pytest.mark.parametrize("sentence", sentences())
def test_an_explained_sentence_is_one_that_the_program_says(sentence: str) -> None:
    pieces = [piece.strip(" .:") for piece in _VALUES.split(sentence)]
    telling = [piece for piece in pieces if len(piece) > 8 and piece not in FOREIGN]
    for piece in telling:
        assert piece in said(), piece

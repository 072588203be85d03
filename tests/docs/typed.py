"""The commands of a page, with the output shown below them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.pages import blocks

WALKED = ("docs/http.md", "README.md", "docs/clients.md", "docs/operator.md")
NOT_RUN = "Not run by the tests: "  # in a comment before the block, with the reason
RUN_KINDS = ("console", "shell", "python")


@dataclass
class Command:
    """`$ …` with its `> ` lines, and what the page shows of its output."""

    text: str
    shown: list[str] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        return "# exits with 1" in self.text


@dataclass(frozen=True)
class Program:
    """A Python example."""

    text: str


@dataclass(frozen=True)
class Saved:
    """A block whose info string names a file: the page says that this is its content."""

    name: str
    text: str


def typed(page: str) -> Iterator[Command | Program | Saved]:
    """In the order of the page."""
    for info, text, note in blocks(page):
        kind, _, name = info.partition(" ")
        if note.startswith(NOT_RUN):
            continue
        if kind == "console":
            yield from commands(text)
        elif kind == "shell":  # to be pasted: a command a line
            yield from map(Command, text.splitlines())
        elif kind == "python":
            yield Program(text)
        elif name and Path(name).suffix:
            yield Saved(name, text)


def commands(block: str) -> list[Command]:
    found: list[Command] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:]))
        elif line.startswith("> "):
            found[-1].text += f"\n{line[2:]}"
        elif line.strip():
            found[-1].shown.append(line)
    return found


def missing(shown: list[str], said: str) -> list[str]:
    """Shown lines that were not said, in their order: numbers may differ, `...` is anything."""
    lines, lost = iter(said.splitlines()), []
    for wanted in shown:
        pattern = _loosely(wanted)
        if wanted.strip() != "..." and not any(pattern.fullmatch(line.strip()) for line in lines):
            lost.append(wanted)
            lines = iter(())  # what follows it cannot be judged
    return lost[:1]


def _loosely(line: str) -> re.Pattern[str]:
    words = [_loose_word(word) for word in line.split()]
    return re.compile(r"\s+".join(words))


def _loose_word(word: str) -> str:
    pieces = [re.sub(r"\d+", r"\\d+", re.escape(piece)) for piece in word.split("...")]
    return ".*".join(pieces)

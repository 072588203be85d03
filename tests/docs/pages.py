"""The documentation as data: tables below headings, fenced blocks, links, anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*) -->\n)?^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_CELLS = re.compile(r"(?<!\\)\|")


class Block(NamedTuple):
    """A fenced block, and the comment in the line before it."""

    info: str
    text: str
    note: str


@cache
def files() -> tuple[Path, ...]:
    """Every page of this repository."""
    folders = [ROOT / name for name in ("benchmarks", "demo", "docs", "examples", "nginx", "tests")]
    return tuple(sorted([*ROOT.glob("*.md"), *(p for f in folders for p in f.rglob("*.md"))]))


@cache
def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(name: str) -> str:
    """Without fenced blocks."""
    return _FENCE.sub("", read(name))


def fences(name: str) -> Iterator[tuple[str, str]]:
    """(info string, text) of every fenced block."""
    for block in blocks(name):
        yield block.info, block.text


def blocks(name: str) -> Iterator[Block]:
    for match in _FENCE.finditer(read(name)):
        yield Block(match["info"].strip(), match["text"], match["note"] or "")


def section(name: str, heading: str) -> str:
    """The text below a heading, up to the next one of its level or above."""
    text = prose(name)
    found = next(h for h in _HEADING.finditer(text) if h[2].strip() == heading)
    rest = text[found.end() :]
    end = next((h.start() for h in _HEADING.finditer(rest) if len(h[1]) <= len(found[1])), None)
    return rest[:end]


def headings(name: str) -> list[str]:
    return [match[2].strip() for match in _HEADING.finditer(prose(name))]


def anchors(name: str) -> set[str]:
    """As GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(name)
    }


def rows(text: str) -> list[list[str]]:
    """The cells of every table's body."""
    found: list[list[str]] = []
    lines = text.splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        cells = [cell.strip() for cell in _CELLS.split(line)[1:-1]]
        is_rule = bool(cells) and all(re.fullmatch(r":?-+:?", cell) for cell in cells)
        if is_rule and found and before.startswith("|"):
            found.pop()  # the row before was a table's head
        elif cells and not is_rule:
            found.append(cells)
    return found


def ticked(text: str) -> list[str]:
    """The words between backticks."""
    return re.findall(r"`([^`]+)`", text)


def first_column(name: str, heading: str) -> list[str]:
    """The first backticked text of each row in a section's tables."""
    return [word for row in rows(section(name, heading)) for word in ticked(row[0])]

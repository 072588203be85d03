"""A new entry at the end of services_config.json; every other byte of the file stays. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .document import SERVICES

EMPTY_FILE = '{\n  "Services": []\n}\n'
_SPACE = re.compile(r"[ \t\r\n]*")
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_DECODER = json.JSONDecoder()


def append_entry(text: str, entry: Mapping[str, Any]) -> str:
    """`text` has to be valid. The new entry is indented as its neighbour is."""
    found = _find_services(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    if not found.last:
        base, unit = _indent_of_line(text, found.opening), _unit(text)
        outer = base + unit
        made = newline + outer + render_entry(entry, outer, outer + unit, newline) + newline + base
        return text[: found.opening + 1] + made + text[found.closing :]
    start, end = found.last
    outer = _indent_of_line(text, start)
    if text[:start].endswith(("\n" + outer, "\r" + outer)):
        inner = _first_indent(text[start:end]) or outer + _unit(text)
        made = newline + outer + render_entry(entry, outer, inner, newline)
    else:  # its neighbour begins in the middle of a line
        made = f" {json.dumps(entry, ensure_ascii=False)}"
    return f"{text[:end]},{made}{text[end:]}"


def render_entry(
    entry: Mapping[str, Any], outer: str = "", inner: str = "  ", newline: str = "\n"
) -> str:
    """One key a line, however long its value is."""
    lines = [
        f"{inner}{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in entry.items()
    ]
    return newline.join(["{", f",{newline}".join(lines), f"{outer}}}"])


@dataclass(frozen=True)
class _Services:
    """Where the list of services is in the text."""

    opening: int
    last: tuple[int, int] | None  # begin and end of the last entry
    closing: int


def _find_services(text: str) -> _Services:
    at = _skip(text, text.index("{") + 1)
    while True:
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)  # the colon
        if key == SERVICES:
            return _entries(text, at)
        _, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)  # the comma


def _entries(text: str, opening: int) -> _Services:
    at, last = _skip(text, opening + 1), None
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        last, at = (at, end), _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return _Services(opening, last, at)


def _skip(text: str, at: int) -> int:
    """The next place that is not white space."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _indent_of_line(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _unit(text: str) -> str:
    """The indentation of the first line that has one."""
    return _first_indent(text) or "  "


def _first_indent(text: str) -> str:
    found = _INDENT.search(text)
    return found[0] if found else ""

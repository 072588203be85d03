"""Text from the cluster, made safe for logs, pages, terminals and the store. Pure.

A job's output or name, a site's plugin, a drained node's reason or a login's banner can contain
anything: escape sequences that steer a terminal, bidirectional overrides that reorder a line on a
page, megabytes without a line break. What people see is stripped of such characters and cut.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_SENTENCE = 500
LONGEST_LINE = 1000  # of a job's output
LONGEST_WORD = 200  # a state, a reason, a node

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
# The rest of a sentence begins in lower case; another message may begin so with a program's name.
_CONTINUED = re.compile(r"(?!\S+: )[a-z(]")
_BREAKS = frozenset({"Cc", "Zl", "Zp"})  # control characters, line and paragraph separators
# Invisible characters that change how others are shown, among them all bidirectional controls,
# and halves of a character, which no encoder accepts.
_DROPPED = frozenset({"Cf", "Cs"})


def one_line(text: str, limit: int = LONGEST_SENTENCE) -> str:
    """For messages: on one line, every run of white space a single blank."""
    return _cut(" ".join(_visible(text[: 8 * limit], " ").split()), limit)


def prose(text: str, limit: int = LONGEST_SENTENCE) -> str:
    """For a program's message of several lines: a wrapped sentence is joined with blanks, separate
    messages with semicolons."""
    joined = ""
    for line in filter(None, (one_line(part, limit) for part in text[: 8 * limit].splitlines())):
        goes_on = joined.endswith(tuple(".!?:;,")) or bool(_CONTINUED.match(line))
        joined = line if not joined else f"{joined}{' ' if goes_on else '; '}{line}"
    return _cut(joined, limit)


def output_line(line: str) -> str:
    """For a line that a job wrote: its blanks and tabs stay."""
    pieces = line[: 8 * LONGEST_LINE].split("\t")
    return _cut("\t".join(_visible(piece, "") for piece in pieces), LONGEST_LINE)


def _visible(text: str, in_place_of_breaks: str) -> str:
    shown = []
    for char in _ESCAPES.sub("", text):
        category = unicodedata.category(char)
        if category in _BREAKS:
            shown.append(in_place_of_breaks)
        elif category not in _DROPPED:
            shown.append(char)
    return "".join(shown)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"

"""What a batch script tells about a job that ended although nothing failed. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"")
_COMMENT = re.compile(r"(^|\s)#.*$")
_BACKGROUND = re.compile(r"(?<![&|<>\\])&(?![&>])")  # no `&&`, `|&`, `2>&1`, `&>file`
_WAIT = re.compile(r"(^|[;&|({]|\b(?:then|do|else))\s*wait\b")


def leaves_in_background(script: Sequence[str]) -> bool:
    """It starts something with `&` and never waits: Slurm ends the job with its script."""
    lines = [_COMMENT.sub("", _QUOTED.sub("''", line)) for line in script]
    return any(map(_BACKGROUND.search, lines)) and not any(map(_WAIT.search, lines))

"""Pieces of the /bin/sh scripts that run on login nodes. Pure.

Every value goes through `quote`. POSIX shell and coreutils only: login nodes differ.
"""

from __future__ import annotations

import re
import shlex

MISSING = 127  # the shell's own code for "command not found"
TIMED_OUT = 124  # coreutils' timeout says so

# Non-interactive shells of some sites do not have Slurm on their PATH.
_FIND_SLURM = (
    "command -v squeue >/dev/null 2>&1 || "
    'PATH="$PATH:/usr/local/bin:/opt/slurm/bin:/usr/local/slurm/bin"'
)

# A Slurm command that waits for a silent controller would outlive us on the login node, and
# with it a session of the connection's few.
_LIMIT = """\
limited() {{
    if command -v timeout >/dev/null 2>&1; then timeout -k 5 {seconds} "$@"; else "$@"; fi
}}"""


def quote(value: str) -> str:
    if "\0" in value:
        raise ValueError(f"{value!r} contains NUL, which no command line can carry")
    return shlex.quote(value)


def preamble(seconds: float) -> str:
    return f"{_FIND_SLURM}\n{_LIMIT.format(seconds=max(1, round(seconds)))}"


def ask_slurm(seconds: float) -> str:
    """For commands whose answer is parsed. Not for sbatch: jobs inherit its environment."""
    return f"{preamble(seconds)}\nexport LC_ALL=C TZ=UTC SLURM_TIME_FORMAT=standard"


def quote_path(path: str) -> str:
    """A leading ~/ is the home there; nothing else is expanded, and nothing is an option."""
    if path.startswith("~/"):
        return f'"$HOME"/{quote(path[2:])}'
    return quote(f"./{path}" if path.startswith("-") else path)


def one_line(text: str) -> str:
    """Printable and on one line, for messages."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text).split())


def printable(line: str) -> str:
    """Without control characters, which could steer a terminal; tabs stay."""
    return re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0a-\x1f\x7f-\x9f]", "", line)

"""Building blocks of the /bin/sh scripts that run on login nodes. Pure.

The scripts use POSIX shell and coreutils only, because login nodes differ. Every value that comes
from the configuration or the network goes through `quote`.
"""

from __future__ import annotations

import shlex

MISSING = 127  # the shell's exit code for "command not found"
TIMED_OUT = 124  # the exit code of coreutils' timeout

# Non-interactive shells of some sites do not have Slurm on their PATH.
_FIND_SLURM = (
    "command -v squeue >/dev/null 2>&1 || "
    'PATH="$PATH:/usr/local/bin:/opt/slurm/bin:/usr/local/slurm/bin"'
)

# A Slurm command that waits for a silent controller would otherwise go on after its caller gave
# up, and occupy one of the few sessions that sshd allows on a connection.
_LIMIT = """\
limited() {{
    if command -v timeout >/dev/null 2>&1; then timeout -k 5 {seconds} "$@"; else "$@"; fi
}}"""


def quote(value: str) -> str:
    if "\0" in value:
        raise ValueError(f"{value!r} contains NUL, which no command line can carry")
    return shlex.quote(value)


def find_slurm() -> str:
    return _FIND_SLURM


def ask_slurm(seconds: float) -> str:
    """The beginning of scripts whose output is parsed. Not for sbatch: a job inherits the
    environment of its sbatch, and must not get these settings."""
    limit = _LIMIT.format(seconds=whole_seconds(seconds))
    return f"{_FIND_SLURM}\n{limit}\nexport LC_ALL=C TZ=UTC SLURM_TIME_FORMAT=standard"


def whole_seconds(seconds: float) -> int:
    """Not every `timeout` accepts fractions."""
    return max(1, round(seconds))


def quote_path(path: str) -> str:
    """A leading ~/ becomes the home directory there. Nothing else is expanded, and a path that
    begins with a dash is not taken for an option."""
    if path.startswith("~/"):
        return f'"$HOME"/{quote(path[2:])}'
    return quote(f"./{path}" if path.startswith("-") else path)

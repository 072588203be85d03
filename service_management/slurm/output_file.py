"""The files a job writes to: their last lines, from a file system that may hang.

On a stalled NFS or Lustre every access hangs, `stat` included, and such a process survives even
SIGKILL until the file system is back. The session must not wait for it, or sshd's MaxSessions are
soon used up and squeue and sbatch fail as well. So the reader runs in the background, with none
of the session's files open: it writes into a pipe, and the session waits for the pipe's other end,
for a bounded time. The script reports the reader's process group, so that no further reader is
started while that one exists.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from service_management.clean_text import output_line
from service_management.slurm.ask import Ask
from service_management.slurm.outcomes import Unknown
from service_management.slurm.scontrol import sections
from service_management.slurm.shell import quote
from service_management.ssh.connection import Result

OUTPUT_BYTES = 8192  # of each file
READ_SECONDS = 4  # then the reader is killed, if it can be
KILLED_WITHIN = 2  # seconds later the session ends without it
BLOCKED_SECONDS = 60.0  # without another attempt, after a file system did not answer

# A file that is missing (deleted, or on another file system) is no error: there is no output.
_READER = f"""\
mark=$1 lines=$2; shift 2
for file do
    number=$((number + 1))
    [ -f "$file" ] || continue
    echo "$mark file$number"
    tail -c {OUTPUT_BYTES} "$file" | tail -n "$lines"
    echo
done
echo "$mark done"
"""


@dataclass(frozen=True)
class OutputTail:
    """The last lines that could be read in time."""

    lines: tuple[str, ...]
    complete: bool
    reader: str = ""  # the process group that reads them, which may still exist


def read_script(
    files: Sequence[str],
    mark: str,
    lines: int,
    stuck_reader: str = "",
    seconds: int = READ_SECONDS,
) -> str:
    """Without a `timeout` command there is nothing to bound the reader, and nothing is read."""
    arguments = " ".join(map(quote, (mark, str(lines), *files)))
    stuck = quote(f"-{stuck_reader}") if stuck_reader else ""
    wait = f"! kill -s 0 -- {stuck} 2>/dev/null || exit 0" if stuck else ""
    return f"""limit=$(command -v timeout) || {{ echo "{mark} done"; exit 0; }}
{wait}
{{
    "$limit" -k 1 {seconds} /bin/sh -c {quote(_READER)} reader {arguments} \\
        </dev/null 2>/dev/null &
    echo "{mark} reader $!" >&2
}} | "$limit" {seconds + KILLED_WITHIN} cat
true"""


def parse_output(result: Result, mark: str) -> OutputTail:
    found = sections(result.stdout, mark)
    bodies = [found[name][1] for name in sorted(found) if name.startswith("file")]
    lines = [output_line(line) for body in bodies for line in body.rstrip().split("\n")]
    reader = re.search(rf"^{re.escape(mark)} reader (\d+)$", result.stderr, re.MULTILINE)
    return OutputTail(
        tuple(line for line in lines if line), "done" in found, reader[1] if reader else ""
    )


class OutputReader:
    """One reader at a time, and none while an earlier one hangs."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._reading = threading.Lock()
        self._blocked_until = 0.0
        self._stuck_reader = ""

    def read(self, files: Sequence[str], lines: int) -> tuple[str, ...] | Unknown:
        if not files:
            return ()
        if not self._reading.acquire(timeout=READ_SECONDS + KILLED_WITHIN):
            return _NOT_READ
        try:
            if time.monotonic() < self._blocked_until:
                return _NOT_READ
            return self._read(files, lines)
        finally:
            self._reading.release()

    def _read(self, files: Sequence[str], lines: int) -> tuple[str, ...] | Unknown:
        mark = secrets.token_hex(8)
        script = read_script(files, mark, lines, self._stuck_reader)
        tail = self._ask("output", script, lambda result: parse_output(result, mark))
        if isinstance(tail, Unknown):
            return tail
        if tail.complete:
            return tail.lines
        self._blocked_until = time.monotonic() + BLOCKED_SECONDS
        self._stuck_reader = tail.reader or self._stuck_reader
        return tail.lines or _NOT_READ


_NOT_READ = Unknown(
    "The job's output could not be read within a few seconds: its file system may be hanging.",
    "output",
)

"""The files a job writes to: their last lines, or what follows an offset, from a file system that
may hang.

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

OUTPUT_BYTES = 8192  # of each file, for its last lines
PART_BYTES = 65536  # of each file, after an offset; the rest comes with the next part
LAST = "last"  # in place of an offset
READ_SECONDS = 4  # then the reader is killed, if it can be
KILLED_WITHIN = 2  # seconds later the session ends without it
BLOCKED_SECONDS = 60.0  # without another attempt, after a file system did not answer

# A file that is missing (deleted, not yet there, on another file system) is no error: there is no
# output. One that is shorter than its offset was begun again, by a requeued job.
_READER = f"""\
mark=$1 lines=$2; shift 2
while [ $# -gt 0 ]; do
    file=$1 begin=$2 number=$((number + 1)); shift 2
    [ -f "$file" ] || continue
    end=$(wc -c <"$file") most={PART_BYTES}
    end=$((end))
    if [ "$begin" = {LAST} ]; then
        begin=$((end > {OUTPUT_BYTES} ? end - {OUTPUT_BYTES} : 0))
    else
        lines=$most
    fi
    [ "$begin" -le "$end" ] || begin=0
    [ "$((end - begin))" -le "$most" ] || end=$((begin + most))
    echo "$mark file$number $end"
    tail -c "+$((begin + 1))" "$file" | head -c "$((end - begin))" | tail -n "$lines"
    echo
done
echo "$mark done"
"""


@dataclass(frozen=True)
class OutputPart:
    """A part of what a job wrote, and for each of its files the offset at which the next begins."""

    text: str
    ends: tuple[int, ...]


@dataclass(frozen=True)
class OutputTail:
    """What could be read in time: by the number of the file, its text and where that ends."""

    parts: dict[int, tuple[str, int]]
    complete: bool
    reader: str = ""  # the process group that reads them, which may still exist

    @property
    def lines(self) -> tuple[str, ...]:
        lines = (line for text, _ in self.parts.values() for line in text.rstrip().split("\n"))
        return tuple(filter(None, map(output_line, lines)))

    def last_lines(self, files: int) -> OutputPart:
        return OutputPart("".join(f"{line}\n" for line in self.lines), self._ends([0] * files))

    def after(self, begins: Sequence[int]) -> OutputPart:
        """As it was written, a line that is not finished too. A progress bar, which returns to the
        beginning of its line, becomes a line for each step."""
        text = "".join(text for text, _ in self.parts.values())
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return OutputPart("\n".join(map(output_line, lines)), self._ends(begins))

    def _ends(self, begins: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.parts.get(n, ("", begin))[1] for n, begin in enumerate(begins))


def read_script(
    files: Sequence[tuple[str, str]],
    mark: str,
    lines: int,
    stuck_reader: str = "",
    seconds: int = READ_SECONDS,
) -> str:
    """`files` with the offset after which each is read, or LAST for its last lines. Without a
    `timeout` command there is nothing to bound the reader, and nothing is read."""
    words = (word for file in files for word in file)
    arguments = " ".join(map(quote, (mark, str(lines), *words)))
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
    parts = {
        int(name.removeprefix("file")) - 1: (body.removesuffix("\n"), int(end or 0))
        for name, (end, body) in sorted(found.items())
        if name.startswith("file")
    }
    reader = re.search(rf"^{re.escape(mark)} reader (\d+)$", result.stderr, re.MULTILINE)
    return OutputTail(parts, "done" in found, reader[1] if reader else "")


class OutputReader:
    """One reader at a time, and none while an earlier one hangs."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._reading = threading.Lock()
        self._blocked_until = 0.0
        self._stuck_reader = ""

    def read(
        self, files: Sequence[str], lines: int, begins: Sequence[int] = ()
    ) -> OutputTail | Unknown:
        """The last lines; or what follows `begins`, an offset for each file."""
        if not files:
            return OutputTail({}, complete=True)
        if not self._reading.acquire(timeout=READ_SECONDS + KILLED_WITHIN):
            return _NOT_READ
        try:
            if time.monotonic() < self._blocked_until:
                return _NOT_READ
            return self._read(files, lines, begins)
        finally:
            self._reading.release()

    def _read(
        self, files: Sequence[str], lines: int, begins: Sequence[int]
    ) -> OutputTail | Unknown:
        mark = secrets.token_hex(8)
        offsets = [*map(str, begins)] or [LAST] * len(files)
        places = [*zip(files, offsets, strict=True)]
        script = read_script(places, mark, lines, self._stuck_reader)
        tail = self._ask("output", script, lambda result: parse_output(result, mark))
        if isinstance(tail, Unknown):
            return tail
        if tail.complete:
            return tail
        self._blocked_until = time.monotonic() + BLOCKED_SECONDS
        self._stuck_reader = tail.reader or self._stuck_reader
        return tail if tail.lines and not begins else _NOT_READ


_NOT_READ = Unknown(
    "The job's output could not be read within a few seconds: its file system may be hanging.",
    "output",
)

"""A script's way there and its answer's way back, whatever the login shell prints around it.

The command line sent is constant, so no login shell (csh and fish included) parses a value of
ours; the script comes on stdin. A begin and an end marker, new each time, frame what it writes.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from service_management.ssh.connection import Result

REMOTE_COMMAND = "exec /bin/sh -s"


@dataclass(frozen=True)
class Envelope:
    """One script with its marker."""

    script: str
    mark: str

    @classmethod
    def around(cls, script: str) -> Envelope:
        return cls(script, secrets.token_hex(16))

    def text(self) -> str:
        """What goes to /bin/sh's stdin.

        The script stands in one compound command, read whole before it runs, with a stdin of its
        own: a command in it that reads stdin would otherwise eat the end marker. The marker is
        sent in two halves, so that a shell echoing its input does not print it.
        """
        say = f"printf '\\n%s%s %s\\n' {self.mark[:16]} {self.mark[16:]}"
        return (
            f"{say} begin; {say} begin >&2\n"
            f"(\n{self.script}\n) </dev/null\n"
            f'orc_code=$?; {say} "end $orc_code"; {say} "end $orc_code" >&2\n'
        )

    def began(self, stdout: str) -> bool:
        return f"\n{self.mark} begin\n" in stdout

    def open(self, stdout: str, stderr: str) -> Result | None:
        """The answer; None without an end marker, which leaves the outcome unknown."""
        out = self._between(stdout)
        if out is None:
            return None
        err = self._between(stderr)
        return Result(out[1], out[0], err[0] if err else "")

    def _between(self, text: str) -> tuple[str, int] | None:
        pattern = rf"\n{self.mark} begin\n(.*)\n{self.mark} end (\d+)\n"
        match = re.search(pattern, text, re.DOTALL)
        return (match[1], int(match[2])) if match else None

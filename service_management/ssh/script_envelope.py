"""Frames a script and its output, whatever the login shell prints around them.

The command line is constant, so that no login shell (csh and fish included) parses a value; the
script is sent to stdin. A begin and an end marker, random each time, frame its output.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from service_management.ssh.connection import Result

REMOTE_COMMAND = "exec /bin/sh -s"


@dataclass(frozen=True)
class Envelope:
    """A script with its marker."""

    script: str
    mark: str

    @classmethod
    def around(cls, script: str) -> Envelope:
        return cls(script, secrets.token_hex(16))

    def text(self) -> str:
        """The input of /bin/sh.

        The script is one compound command, which the shell reads whole before it runs, with
        another stdin: a command that reads stdin would otherwise consume the end marker. The
        marker is sent in two halves, so that a shell that echoes its input does not print it.
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
        """The result; None without an end marker: the outcome is unknown."""
        out = self._between(stdout)
        if out is None:
            return None
        err = self._between(stderr)
        return Result(out[1], out[0], err[0] if err else "")

    def _between(self, text: str) -> tuple[str, int] | None:
        pattern = rf"\n{self.mark} begin\n(.*)\n{self.mark} end (\d+)\n"
        match = re.search(pattern, text, re.DOTALL)
        return (match[1], int(match[2])) if match else None

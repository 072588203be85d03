"""When things happened, by the files that each part wrote itself."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from tests.stack.stack import Stack

# Runs in place of Slurm's own commands on the login host, and notes when they were called.
_NOTING = """\
#!/bin/bash
echo "$EPOCHREALTIME {tool}" >>"$HOME/calls"
exec {real} "$@"
"""
_JOB = """\
#!/bin/bash
#SBATCH --output=%x-%j.out
echo "$EPOCHREALTIME job" >>"$HOME/calls"
exec /bin/sh "$HOME/probe.sh" "$1"
"""
SCRIPT = "traced.sh"


def note_calls(stack: Stack) -> None:
    home = stack.cluster.home
    (home / "bin").mkdir()
    for tool in ("sbatch", "squeue", "scontrol", "scancel"):
        real = stack.cluster.run(f"command -v {tool}").strip()
        stack.cluster.write_script(f"bin/{tool}", _NOTING.format(tool=tool, real=real))
    stack.cluster.write_script(SCRIPT, _JOB)
    (home / ".bashrc").write_text('PATH="$HOME/bin:$PATH"\n')
    (home / ".bashrc").chmod(0o644)


@dataclass(frozen=True)
class Request:
    """A line of nginx's access log."""

    fields: dict[str, Any]

    @cached_property
    def ended(self) -> float:
        return float(self.fields["time"])

    @cached_property
    def begun(self) -> float:
        return self.ended - float(self.fields["request_time"])

    @cached_property
    def took(self) -> list[float]:
        """Each upstream that was asked, in turn: the service, the hold, the service again."""
        return [float(text) for text in self.fields["upstream_response_time"].split(" : ")]


class Evidence:
    def __init__(self, stack: Stack, route: str) -> None:
        self._stack, self._route = stack, route
        self.info = stack.info(route)

    def requests(self) -> list[Request]:
        lines = (
            (self._stack.run_dir / "log" / "access.log").read_text(errors="replace").splitlines()
        )
        found = [Request(json.loads(line)) for line in lines]
        return [request for request in found if request.fields["service"] == self._route]

    def event(self, reason: str, state: str) -> float:
        """When the control plane stored that decision."""
        events = [e for e in self.info["events"] if (e["reason"], e["state"]) == (reason, state)]
        return float(events[-1]["at"])

    def calls(self, name: str) -> list[float]:
        lines = (self._stack.cluster.home / "calls").read_text().splitlines()
        return [
            float(at) for at, _, called in (line.partition(" ") for line in lines) if called == name
        ]

    def slurm(self, pattern: str, log: str = "slurmctld") -> float:
        """The line of Slurm's log that contains this text."""
        text = (self._stack.cluster.spec.directory / "log" / f"{log}.log").read_text()
        found = re.findall(rf"^\[([^]]+)\] .*{pattern}", text, re.MULTILINE)
        return datetime.fromisoformat(found[-1]).replace(tzinfo=UTC).timestamp()

    def tunnel(self) -> float:
        sockets = (self._stack.run_dir / "tunnels").glob("*[0-9a-f].sock")
        return max(path.stat().st_mtime for path in sockets)

    def published(self) -> float:
        return (self._stack.run_dir / "routes" / f"{self._route}.0.sock").lstat().st_mtime

    def unpublished(self) -> float:
        """The directory changed last when the only route was removed."""
        return (self._stack.run_dir / "routes").stat().st_mtime

"""A way to a service: where to send a request, and from which host."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class Wrong(Exception):
    """An answer that is not what was asked for: no figure is worth anything then."""


@dataclass(frozen=True)
class Endpoint:
    name: str
    host: str
    port: int
    prefix: str = ""
    enter: tuple[str, ...] = ()  # words before a command that has to run on another host

    def url(self, path: str) -> str:
        return f"http://{self.host}:{self.port}{self.prefix}{path}"

    def run(self, *argv: str, timeout: float = 900) -> str:
        command = [*self.enter, *argv]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, cwd=ROOT, check=False
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise Wrong(f"{self.name}: {said[-1] if said else f'{argv[0]} failed'}")
        return done.stdout

    def load(self, program: str, *words: object) -> dict[str, Any]:
        """One of benchmarks/load, which prints what it saw as JSON."""
        where = [self.host, self.port, self.prefix]
        module = f"benchmarks.load.{program}"
        said = self.run(sys.executable, "-m", module, *map(str, [*where, *words]))
        seen: dict[str, Any] = json.loads(said)
        return seen

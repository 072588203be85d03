"""Runs parts one after the other, shows their output, and remembers which of them passed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.nightly.parts import Part


@dataclass(frozen=True)
class Outcome:
    name: str
    passed: bool
    seconds: float
    last_line: str

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        minutes, seconds = divmod(round(self.seconds), 60)
        return f"{self.name:12} {verdict} after {minutes:3} min {seconds:02} s: {self.last_line}"


class Runner:
    def __init__(self, record: Path, commit: str) -> None:
        self._directory, self._commit = record, commit
        self._record = record / "passed.json"

    def run(self, parts: Mapping[str, Part]) -> bool:
        """False where one failed."""
        self._directory.mkdir(exist_ok=True)
        outcomes: list[Outcome] = []
        try:
            for number, (name, part) in enumerate(parts.items(), 1):
                print(f"\n• {number} of {len(parts)}, {name}: {part.what}", flush=True)
                outcomes.append(self._run(name, part))
        finally:  # after Ctrl-C too
            print("\n" + "\n".join(map(str, outcomes)), flush=True)
        return all(outcome.passed for outcome in outcomes)

    def has_passed(self, name: str) -> bool:
        """At this commit, with no change since."""
        return not self._commit.endswith("-dirty") and self._passed().get(name) == self._commit

    def _run(self, name: str, part: Part) -> Outcome:
        began, last = time.monotonic(), ""
        environment = {**os.environ, **part.environment, "PYTHONUNBUFFERED": "1"}
        with (
            (self._directory / f"{name}.log").open("w") as log,
            subprocess.Popen(
                part.argv,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process,
        ):
            try:
                for line in process.stdout or ():
                    sys.stdout.write(line)
                    sys.stdout.flush()
                    log.write(line)
                    last = line.strip() or last
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)  # it takes down what it started
                process.wait(timeout=120)
                raise
        if process.returncode == 0:
            self._remember(name)
        return Outcome(name, process.returncode == 0, time.monotonic() - began, last)

    def _remember(self, name: str) -> None:
        content = {**self._passed(), name: self._commit}
        self._record.write_text(json.dumps(content, indent=1) + "\n")

    def _passed(self) -> dict[str, str]:
        passed: dict[str, str] = (
            json.loads(self._record.read_text()) if self._record.exists() else {}
        )
        return passed

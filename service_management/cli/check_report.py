"""What `orchestrator check` found, step by step: said as it goes, or as JSON at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from rich.text import Text

from service_management.clean_text import one_line
from service_management.cli.terminal import out

ENTRY, START = "entry", "start"

LONGEST_TEXT = 2000


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class CheckStep:
    step: str
    verdict: Verdict
    text: str
    advice: str = ""  # where the text itself does not say what to do
    output: tuple[str, ...] = ()  # of the job


@dataclass
class Report:
    tell: Callable[[CheckStep], None]  # each step, when it is over
    progress: Callable[[str], None]  # what happens meanwhile
    steps: list[CheckStep] = field(default_factory=list)

    def ok(self, step: str, text: str) -> None:
        self._add(CheckStep(step, Verdict.OK, text))

    def warn(self, step: str, text: str, advice: str = "") -> None:
        self._add(CheckStep(step, Verdict.WARNING, text, advice))

    def fail(self, step: str, text: str, advice: str = "", output: tuple[str, ...] = ()) -> None:
        self._add(CheckStep(step, Verdict.FAILED, text, advice, output))

    def _add(self, step: CheckStep) -> None:
        """What the cluster said is part of many texts."""
        step = replace(step, text=one_line(step.text, LONGEST_TEXT))
        self.steps.append(step)
        self.tell(step)

    @property
    def failed(self) -> list[str]:
        return [one.step for one in self.steps if one.verdict is Verdict.FAILED]

    @property
    def warnings(self) -> int:
        return sum(one.verdict is Verdict.WARNING for one in self.steps)

    def to_json(self, route: str, verdict: str) -> dict[str, Any]:
        steps = [{**asdict(one), "output": list(one.output)} for one in self.steps]
        return {"service": route, "ok": not self.failed, "verdict": verdict, "steps": steps}


_MARKS = {
    Verdict.OK: ("✓", "green"),
    Verdict.WARNING: ("!", "yellow"),
    Verdict.FAILED: ("✗", "red"),
}


def print_step(step: CheckStep) -> None:
    mark, style = _MARKS[step.verdict]
    _print(Text(f"{mark} ", style=style).append(f"{step.step:12}{step.text}", style="default"))
    for line in step.output:
        _print(Text(f"  {'':12}| {line}"))
    if step.advice:
        _print(Text(f"  {'':12}→ {step.advice}"))


def print_progress(text: str) -> None:
    _print(Text(f"  {'':12}{text}", style="dim"))


def _print(line: Text) -> None:
    """Never wrapped here: what is copied from the terminal must have no line breaks in it."""
    out.print(line, soft_wrap=True)

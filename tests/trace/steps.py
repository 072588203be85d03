"""A trace: who did what to whom, and when. Kept as JSON beside its drawing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

CLIENT, NGINX, CONTROL, LOGIN, SLURM, SERVICE = range(6)
PARTICIPANTS = ("client", "nginx", "control plane", "login node (SSH)", "Slurm", "service")


@dataclass(frozen=True)
class Step:
    """From one participant to another, or, where both are the same, what one of them decided."""

    at: float  # seconds after the request's first byte
    source: int
    target: int
    text: str
    state: str = ""  # the service's new state
    answer: bool = False


@dataclass(frozen=True)
class Trace:
    title: str
    steps: tuple[Step, ...]


def trace(title: str, begun: float, steps: list[Step]) -> Trace:
    """In the order of their times, which are counted from the request on."""
    shifted = [Step(**{**asdict(step), "at": round(step.at - begun, 3)}) for step in steps]
    return Trace(title, tuple(sorted(shifted, key=lambda step: step.at)))


def load(file: Path) -> Trace:
    content = json.loads(file.read_text(encoding="utf-8"))
    return Trace(content["title"], tuple(Step(**step) for step in content["steps"]))


def save(trace: Trace, file: Path) -> None:
    lines = ",\n".join(f"    {json.dumps(asdict(step))}" for step in trace.steps)
    text = f'{{\n  "title": {json.dumps(trace.title)},\n  "steps": [\n{lines}\n  ]\n}}\n'
    file.write_text(text, encoding="utf-8")

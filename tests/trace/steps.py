"""A trace: who did what to whom, and when. Kept as JSON beside its drawing."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

CLIENT, NGINX, CONTROL, LOGIN, SLURM, SERVICE = range(6)
PARTICIPANTS = ("client", "nginx", "control plane", "login node (SSH)", "Slurm", "service")

# A job's id, the number of a look, a node's name, a port, a measured time. Not a status.
_VARIES = re.compile(r"(?<=job )\d+|(?<=cancel )\d+|(?<=look )\d+|(?<=node)\d+|\d{5}|\d+\.\d+")


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


def differences(recorded: Trace, now: Trace) -> list[str]:
    """In what happens and in the order of the states. Steps of different programs may overlap, so
    their order is not compared, and neither are times and numbers, such as a job's."""
    before, after = Counter(map(_alike, recorded.steps)), Counter(map(_alike, now.steps))
    found = [f"no longer: {step}" for step in (before - after).elements()]
    found += [f"new: {step}" for step in (after - before).elements()]
    states = [[step.state for step in each.steps if step.state] for each in (recorded, now)]
    if states[0] != states[1]:
        found.append(f"states: {' → '.join(states[1])}, not {' → '.join(states[0])}")
    return found


def _alike(step: Step) -> str:
    text = _VARIES.sub("N", step.text)
    return f"{PARTICIPANTS[step.source]} → {PARTICIPANTS[step.target]}: {text}"


def load(file: Path) -> Trace:
    content = json.loads(file.read_text(encoding="utf-8"))
    return Trace(content["title"], tuple(Step(**step) for step in content["steps"]))


def save(trace: Trace, file: Path) -> None:
    lines = ",\n".join(f"    {json.dumps(asdict(step))}" for step in trace.steps)
    text = f'{{\n  "title": {json.dumps(trace.title)},\n  "steps": [\n{lines}\n  ]\n}}\n'
    file.write_text(text, encoding="utf-8")

"""What was seen in one run, and when: kept as JSON beside the film that is drawn from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """What was typed, when Enter was pressed, and what was printed when. Times are seconds after
    the film's begin."""

    typed: tuple[str, ...]
    asked: float
    printed: tuple[str, ...]
    answered: float

    @property
    def took(self) -> float:
        return self.answered - self.asked


@dataclass(frozen=True)
class Seen:
    """What something looked like from a time on."""

    at: float
    text: str


@dataclass(frozen=True)
class Recording:
    """The client's requests, the service's states by its events, and what `squeue` printed."""

    requests: tuple[Request, ...]
    states: tuple[Seen, ...]
    queue: tuple[Seen, ...]
    timeout: float
    ends: float


def load(file: Path) -> Recording:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    requests = tuple(
        Request(tuple(each["typed"]), each["asked"], tuple(each["printed"]), each["answered"])
        for each in content["requests"]
    )
    states, queue = (tuple(Seen(**seen) for seen in content[name]) for name in ("states", "queue"))
    return Recording(requests, states, queue, content["timeout"], content["ends"])


def save(recording: Recording, file: Path) -> None:
    text = json.dumps(asdict(recording), indent=1, ensure_ascii=False)
    file.write_text(f"{text}\n", encoding="utf-8")

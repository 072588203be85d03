"""What was measured, and whether it is enough. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Of = Literal["ratio", "difference", "value"]


@dataclass(frozen=True)
class Bound:
    """What a line must reach: its ratio to the baseline, its difference, or the value itself."""

    of: Of
    sense: Literal["≥", "≤"]
    limit: float

    def met(self, value: float) -> bool:
        return value >= self.limit if self.sense == "≥" else value <= self.limit

    def __str__(self) -> str:
        text = {"ratio": "× {0:g}", "difference": "+ {0:g}", "value": "{0:g}"}[self.of]
        return f"{self.sense} {text.format(self.limit)}"


def ratio_at_least(limit: float) -> Bound:
    return Bound("ratio", "≥", limit)


def ratio_at_most(limit: float) -> Bound:
    return Bound("ratio", "≤", limit)


@dataclass(frozen=True)
class Line:
    """One line of the table. Values of a round have the same index in both lists."""

    case: str
    what: str
    unit: str
    values: tuple[float, ...]
    baseline: str = ""
    base: tuple[float, ...] = ()
    bound: Bound | None = None
    subject: str = "product"

    @property
    def ratios(self) -> tuple[float, ...]:
        pairs = zip(self.values, self.base, strict=bool(self.base))
        return tuple(value / base if base else math.inf for value, base in pairs)

    @property
    def judged(self) -> float:
        """What the bound speaks of."""
        if self.bound and self.bound.of == "difference":
            return median(v - b for v, b in zip(self.values, self.base, strict=True))
        return median(self.ratios if self.bound and self.bound.of == "ratio" else self.values)

    @property
    def verdict(self) -> str:
        if self.bound is None:
            return ""
        return "met" if self.bound.met(self.judged) else "missed"

    def to_json(self) -> dict[str, Any]:
        return {
            **vars(self),
            "bound": str(self.bound) if self.bound else None,
            "ratios": self.ratios,
            "verdict": self.verdict,
        }


@dataclass
class Rounds:
    """Measures each subject once per round, in an order that turns round, so that what the machine
    does meanwhile meets all of them alike."""

    number: int
    say: Callable[[str], None]
    _turn: int = field(default=0)

    def of(self, what: str, subjects: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
        seen: dict[str, list[T]] = {name: [] for name in subjects}
        for round_ in range(self.number):
            names = list(subjects)
            for name in names if self._turn % 2 == 0 else reversed(names):
                self.say(f"{what}: round {round_ + 1} of {self.number}, {name}")
                seen[name].append(subjects[name]())
            self._turn += 1
        return seen


def table(lines: Sequence[Line]) -> str:
    """Markdown, which is readable as it is."""
    rows: list[tuple[str, ...]] = [
        ("case", "what", "ratio: median (range)", "must", "", "measured", "baseline")
    ]
    rows += [_row(line) for line in lines]
    return markdown(rows)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    text = [_join(row, widths) for row in rows]
    return "\n".join([text[0], _join(["-" * width for width in widths], widths), *text[1:]])


def _join(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def _row(line: Line) -> tuple[str, ...]:
    subject = "" if line.subject == "product" else f" ({line.subject})"
    return (
        line.case,
        line.what,
        _spread(line.ratios, ".2f") if line.base else "",
        str(line.bound or ""),
        line.verdict,
        f"{number(median(line.values))} {line.unit}{subject}",
        f"{number(median(line.base))} {line.unit} ({line.baseline})" if line.base else "",
    )


def _spread(values: Sequence[float], form: str) -> str:
    low, middle, high = (format(f(values), form) for f in (min, median, max))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"

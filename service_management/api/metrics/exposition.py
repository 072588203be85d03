"""Prometheus' text format, written directly: a thousand services are 50,000 lines, and the
interpreter that writes them also runs the controller. A test parses them with Prometheus' own
library."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Literal

from service_management.usage.histogram import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LABELS = "\0"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True)
class Family:
    """One metric and its lines, each with its newline."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    lines: Iterable[str]


def render(families: Iterable[Family]) -> bytes:
    parts: list[str] = []
    for family in families:
        parts.append(f"# HELP {family.name} {family.text}\n# TYPE {family.name} {family.kind}\n")
        parts += family.lines
    return "".join(parts).encode()


def labels(**values: str) -> str:
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in values.items())


def sample(name: str, value: float, labelled: str = "") -> str:
    return f"{name}{{{labelled}}} {value}\n" if labelled else f"{name} {value}\n"


def histogram(name: str, values: Histogram, labelled: str) -> str:
    """All lines of one histogram."""
    counts = list(accumulate(values.counts))
    filled = _lines(name, values.bounds) % (*counts, values.total, counts[-1])
    return filled.replace(_LABELS, labelled)


@cache
def _lines(name: str, bounds: tuple[float, ...]) -> str:
    """A template for all histograms of this name: filling it in takes one call."""
    buckets = [f'{name}_bucket{{{_LABELS},le="{bound}"}} %d\n' for bound in (*bounds, "+Inf")]
    return "".join(buckets) + f"{name}_sum{{{_LABELS}}} %r\n{name}_count{{{_LABELS}}} %d\n"

"""GPUs over the simulated days, as an SVG without a library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from benchmarks.simulate.trace import DAY, MONDAY
from benchmarks.simulate.world import Sampled

WIDTH, HEIGHT = 860, 320
LEFT, TOP, RIGHT, BOTTOM = 56, 44, 32, 36
COLOURS = ("--blue", "--yellow", "--red", "--quiet")
STYLE = (
    "svg{--paper:#ffffff;--quiet:#57606a;--blue:#0969da;--yellow:#bf8700;--red:#cf222e}"
    "@media (prefers-color-scheme: dark){svg{--paper:#0d1117;--quiet:#9198a1;--blue:#6cb6ff;"
    "--yellow:#d29922;--red:#ff7b72}}"
    "text{font:12px system-ui,sans-serif;fill:var(--quiet)}.paper{fill:var(--paper)}"
    ".grid{stroke:#8c959f;stroke-opacity:.35}polyline{fill:none;stroke-width:1.6}"
)


def chart(lines: Mapping[str, Sequence[Sampled]], days: float) -> str:
    """The GPUs that the jobs of each have, and those that requests need at that moment."""
    first = next(iter(lines.values()))
    values = {name: [(one.at, one.running) for one in samples] for name, samples in lines.items()}
    values["needed"] = [(one.at, one.needed) for one in first]
    most = max((value for line in values.values() for _at, value in line), default=0)
    top = next(limit for limit in _limits() if limit >= max(4, most))
    parts = [*_grid(top, days)]
    for number, (name, line) in enumerate(values.items()):
        parts += _line(number, name, line, top, days)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="GPUs in use over {days:g} simulated days">'
    )
    background = f'<rect width="{WIDTH}" height="{HEIGHT}" class="paper"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", background, *parts, "</svg>", ""])


def _limits() -> Sequence[int]:
    return [step * 10**power for power in range(7) for step in (1, 2, 4, 5, 8)]


def _x(at: float, days: float) -> float:
    return LEFT + (at - MONDAY) / (days * DAY) * (WIDTH - LEFT - RIGHT)


def _y(value: float, top: int) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _grid(top: int, days: float) -> list[str]:
    parts = []
    for value in (0, top / 4, top / 2, top * 3 / 4, top):
        y = _y(value, top)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    hours = 24 if days > 2 else 6
    for mark in range(0, int(days * 24) + 1, hours):
        x = _x(MONDAY + mark * 3600, days)
        word = f"day {mark // 24 + 1}" if hours == 24 else f"{mark} h"
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{x + 2:.1f}" y="{HEIGHT - BOTTOM + 18}">{word}</text>')
    return parts


def _line(
    number: int, name: str, line: Sequence[tuple[float, int]], top: int, days: float
) -> list[str]:
    colour, x = COLOURS[number % len(COLOURS)], LEFT + number * 190
    points = " ".join(f"{_x(at, days):.1f},{_y(value, top):.1f}" for at, value in _thin(line))
    return [
        f'<polyline style="stroke:var({colour})" points="{points}"/>',
        f'<path style="stroke:var({colour});stroke-width:3" d="M{x} 20h24"/>',
        f'<text x="{x + 30}" y="24">{name}</text>',
    ]


def _thin(line: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """Without the points in the middle of a level stretch."""
    inner = [
        here
        for (before, here), (_, after) in zip(pairwise(line), pairwise(line[1:]), strict=False)
        if not before[1] == here[1] == after[1]
    ]
    return [*line[:1], *inner, *line[-1:]]

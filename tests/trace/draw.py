"""A trace as SVG: a row for each step, so that a millisecond is as legible as a second."""

from __future__ import annotations

from html import escape

from tests.trace.steps import PARTICIPANTS, Step, Trace

WIDTH, FIRST, SPACING = 1060, 130, 166  # pixels: the picture, the first lifeline, to the next
TOP, ROW, PAUSE_ROW = 118, 36, 34
PAUSE = 1.0  # seconds without a step that are drawn as a pause

_STYLE = """\
  svg { --paper: #ffffff; --ink: #1f2328; --quiet: #656d76; --line: #d0d7de; --blue: #0757ad;
        --waiting: #fff3c4; --good: #d3f5dc; --calm: #eaeef2; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --ink: #e6edf3; --quiet: #9198a1; --line: #3d444d; --blue: #6cb6ff;
          --waiting: #4d3800; --good: #0f4a22; --calm: #2a313c; }
  }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif;
         fill: var(--ink); text-anchor: middle; }
  .paper { fill: var(--paper); }
  .title { font-size: 17px; font-weight: 600; text-anchor: start; }
  .who { font-weight: 600; }
  .time { fill: var(--quiet); text-anchor: end; font-variant-numeric: tabular-nums; }
  .pause { fill: var(--quiet); font-style: italic; }
  .halo { stroke: var(--paper); stroke-width: 5px; paint-order: stroke; stroke-linejoin: round; }
  .life { stroke: var(--line); }
  .box { fill: var(--calm); stroke: var(--line); }
  .call { stroke: var(--blue); stroke-width: 1.6; }
  .answer { stroke: var(--blue); stroke-width: 1.6; stroke-dasharray: 6 4; }
  .head { fill: var(--blue); }
  .queued, .starting, .draining { fill: var(--waiting); }
  .ready { fill: var(--good); }
  .cold { fill: var(--calm); }"""
_HEAD = (
    '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
    'orient="auto"><path class="head" d="M0,0.5 L10,5 L0,9.5 z"/></marker>'
)


def svg(trace: Trace) -> str:
    rows, height = _rows(trace.steps)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(trace.title)}</title>",
        f"<style>\n{_STYLE}\n</style>",
        f"<defs>{_HEAD}</defs>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
        f'<text class="title" x="24" y="36">{escape(trace.title)}</text>',
        *(_lifeline(number, height) for number in range(len(PARTICIPANTS))),
        *rows,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _rows(steps: tuple[Step, ...]) -> tuple[list[str], int]:
    parts, y, before = [], TOP, None
    for step in steps:
        if before is not None and step.at - before.at > PAUSE:
            parts.append(_pause(y, step.at - before.at))
            y += PAUSE_ROW
        if before is None or f"{step.at:.3f}" != f"{before.at:.3f}":
            parts.append(f'<text class="time" x="66" y="{y + 4}">{step.at:.3f} s</text>')
        parts.append(_decision(step, y) if step.source == step.target else _message(step, y))
        y, before = y + ROW, step
    return parts, y


def _x(participant: int) -> int:
    return FIRST + participant * SPACING


def _lifeline(participant: int, height: int) -> str:
    x = _x(participant)
    return (
        f'<line class="life" x1="{x}" y1="88" x2="{x}" y2="{height - 16}"/>'
        f'<rect class="box" x="{x - 72}" y="58" width="144" height="30" rx="6"/>'
        f'<text class="who" x="{x}" y="78">{PARTICIPANTS[participant]}</text>'
    )


def _pause(y: int, seconds: float) -> str:
    return f'<text class="pause halo" x="{WIDTH // 2}" y="{y + 2}">⋮ {seconds:.1f} s later</text>'


def _decision(step: Step, y: int) -> str:
    x = _x(step.source)
    text = f"{step.state}: {step.text}" if step.state else step.text
    return (
        f'<rect class="box {step.state}" x="{x - 78}" y="{y - 13}" width="156" height="26" '
        f'rx="13"/>'
        f'<text x="{x}" y="{y + 4}">{escape(text)}</text>'
    )


def _message(step: Step, y: int) -> str:
    start, end = _x(step.source), _x(step.target)
    kind = "answer" if step.answer else "call"
    return (
        f'<line class="{kind}" x1="{start}" y1="{y + 8}" x2="{end}" y2="{y + 8}" '
        f'marker-end="url(#head)"/>'
        f'<text class="halo" x="{(start + end) / 2:g}" y="{y}">{escape(step.text)}</text>'
    )

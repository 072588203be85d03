"""Draw a recording as an SVG that moves by itself: no script, no font, nothing to load.

Whatever is seen for a part of the time is a group with a step function of opacity, and all of them
begin again together. A reader who wants no motion, or a program that shows none, sees one still
picture: the moment after the last answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tests.film.recording import Recording, Request, Seen

WIDTH, HEIGHT, MARGIN, ROW = 900, 466, 20, 20
TERMINAL, STATES, QUEUE, CLOCK = 40, 240, 338, 444  # where each part begins
STATES_SHOWN = ("cold", "queued", "starting", "ready", "draining")
MOST_JOBS = 2
_STYLE = """\
  svg { --paper: #ffffff; --ink: #1f2328; --quiet: #656d76; --line: #d0d7de; --calm: #f6f8fa;
        --blue: #0757ad; --busy: #9a6700; --good: #1a7f37; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --ink: #e6edf3; --quiet: #9198a1; --line: #3d444d; --calm: #151b23;
          --blue: #6cb6ff; --busy: #e3b341; --good: #3fb950; }
  }
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
         fill: var(--ink); white-space: pre; }
  .title, .state, .caption, .clock { font-size: 14px;
         font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
  .title { fill: var(--quiet); font-weight: 600; }
  .clock { fill: var(--quiet); text-anchor: end; font-variant-numeric: tabular-nums; }
  .state { text-anchor: middle; fill: var(--quiet); }
  .on { fill: var(--ink); font-weight: 600; }
  .paper { fill: var(--paper); }
  .pane, .chip { fill: var(--calm); stroke: var(--line); }
  .lit { fill: var(--calm); stroke: var(--busy); stroke-width: 2.5; }
  .lit.cold { stroke: var(--quiet); }
  .lit.ready { stroke: var(--good); }
  .cursor { fill: var(--ink); }
  .prompt { fill: var(--blue); font-weight: 600; }
  .answer { fill: var(--good); font-weight: 600; }
  .bar { fill: var(--line); }
  #past { fill: var(--blue); }"""


@dataclass(frozen=True)
class Span:
    """What is seen between two times."""

    begin: float
    end: float
    body: str


def svg(film: Recording) -> str:
    still = film.requests[-1].answered
    spans = [*_terminal(film), *_states(film), *_captions(film), *_queue(film), *_clock(film)]
    spans = [span for span in spans if span.begin < min(span.end, film.ends)]
    moving = "\n".join(_motion(number, span, film.ends) for number, span in enumerate(spans))
    seen = "\n".join(
        f'<g id="s{number}" opacity="{int(span.begin <= still < span.end)}">{span.body}</g>'
        for number, span in enumerate(spans)
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" role="img"
     viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">
<title>A request starts a job in Slurm and is answered by it; later the GPU is given back</title>
<style>
{_STYLE}
  @media (prefers-reduced-motion: no-preference) {{
    g {{ animation: {film.ends:g}s step-end infinite; }}
    #past {{ transform-origin: {MARGIN}px 0; animation: past {film.ends:g}s linear infinite; }}
    @keyframes past {{ from {{ transform: scaleX(0) }} to {{ transform: scaleX(1) }} }}
{moving}
  }}
</style>
<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="8"/>
{_scenery()}
{seen}
</svg>
"""


def _motion(number: int, span: Span, ends: float) -> str:
    begin, end = (round(100 * min(at / ends, 1), 2) for at in (span.begin, span.end))
    steps = {0: int(begin == 0), begin: 1, **({end: 0} if end < 100 else {})}
    frames = " ".join(f"{at:g}% {{opacity: {value}}}" for at, value in steps.items())
    return f"    #s{number} {{ animation-name: s{number}; }} @keyframes s{number} {{ {frames} }}"


def _scenery() -> str:
    bar = f'x="{MARGIN}" y="{CLOCK}" width="{WIDTH - 2 * MARGIN - 60}" height="4" rx="2"'
    return "\n".join(
        [
            *_pane(TERMINAL, 7 * ROW + 14, "your terminal"),
            *_pane(QUEUE, (MOST_JOBS + 2) * ROW - 6, "the cluster: squeue"),
            f'<text class="title" x="{MARGIN}" y="{STATES - 14}">the service</text>',
            *(_chip(state, "chip", "state") for state in STATES_SHOWN),
            f'<rect class="bar" {bar}/><rect id="past" {bar}/>',
        ]
    )


def _pane(y: int, height: int, title: str) -> Iterator[str]:
    size = f'width="{WIDTH - 2 * MARGIN}" height="{height}" rx="6"'
    yield f'<text class="title" x="{MARGIN}" y="{y - 8}">{title}</text>'
    yield f'<rect class="pane" x="{MARGIN}" y="{y}" {size}/>'


def _chip(state: str, box: str, word: str) -> str:
    step = (WIDTH - 2 * MARGIN + 14) / len(STATES_SHOWN)
    x = MARGIN + step * STATES_SHOWN.index(state)
    size = f'width="{step - 14:g}" height="28" rx="14"'
    return (
        f'<rect class="{box}" x="{x:g}" y="{STATES}" {size}/>'
        f'<text class="{word}" x="{x + step / 2 - 7:g}" y="{STATES + 19}">{state}</text>'
    )


def _terminal(film: Recording) -> Iterator[Span]:
    row, free = 0, 0.3  # a moment before the typing
    for request in film.requests:
        yield from _typing(request, row, free)
        yield Span(request.asked, film.ends, _typed(request.typed, row))
        row += len(request.typed)
        yield Span(request.asked, request.answered, _cursor(row))
        answer = (_text(32, row + n, line, "answer") for n, line in enumerate(request.printed))
        yield Span(request.answered, film.ends, "".join(answer))
        row, free = row + len(request.printed), request.answered + 0.5
    yield Span(free, film.ends, _text(32, row, "$", "prompt"))


def _typing(request: Request, row: int, begin: float) -> Iterator[Span]:
    """Word by word until Enter is pressed."""
    lines = [line.split(" ") for line in request.typed]
    count = sum(map(len, lines))
    step = (request.asked - begin) / count
    for done in range(1, count):
        left, typed = done, []
        for words in lines:
            typed.append(" ".join(words[:left]))
            left = max(0, left - len(words))
        at = begin + done * step
        yield Span(at, at + step, _typed(typed, row))


def _typed(lines: Sequence[str], row: int) -> str:
    texts = [
        _text(48 if not number else 32, row + number, line) for number, line in enumerate(lines)
    ]
    return _text(32, row, "$", "prompt") + "".join(texts)


def _text(x: int, row: int, text: str, name: str = "", top: int = TERMINAL) -> str:
    named = f' class="{name}"' if name else ""
    return f'<text{named} x="{x}" y="{top + 22 + row * ROW}">{escape(text)}</text>'


def _cursor(row: int) -> str:
    return f'<rect class="cursor" x="32" y="{TERMINAL + 10 + row * ROW}" width="8" height="15"/>'


def _states(film: Recording) -> Iterator[Span]:
    for seen, end in _with_ends(film.states, film.ends):
        yield Span(seen.at, end, _chip(seen.text, f"lit {seen.text}", "state on"))


def _captions(film: Recording) -> Iterator[Span]:
    first, again = film.requests[0], film.requests[-1]
    at = {seen.text: seen.at for seen in film.states}  # of "cold": when it was cold again
    said = [
        (0.0, "The service has no job."),
        (at["queued"], "The request is held. Its job waits in Slurm's queue behind other work."),
        (at["starting"], "Slurm has started the job. The model loads."),
        (first.answered, f"Answered by the job after {first.took:.1f} s."),
        (again.answered, f"Warm, the same request takes {again.took:.1f} s."),
        (at["draining"], f"{film.timeout:g} s without a request: the job is cancelled."),
        (at["cold"], "The GPU is free again. The next request starts a new job."),
    ]
    for (begin, text), (end, _) in zip(said, [*said[1:], (film.ends, "")], strict=True):
        body = f'<text class="caption" x="{MARGIN}" y="{STATES + 52}">{escape(text)}</text>'
        yield Span(begin, end, body)


def _queue(film: Recording) -> Iterator[Span]:
    for seen, end in _with_ends(film.queue, film.ends):
        lines = seen.text.splitlines()[: MOST_JOBS + 1]
        body = (_text(32, n, line.rstrip(), top=QUEUE) for n, line in enumerate(lines))
        yield Span(seen.at, end, "".join(body))


def _clock(film: Recording) -> Iterator[Span]:
    for second in range(int(film.ends) + 1):
        text = f'<text class="clock" x="{WIDTH - MARGIN}" y="{CLOCK + 7}">{second} s</text>'
        yield Span(second, min(second + 1, film.ends), text)


def _with_ends(seen: Sequence[Seen], ends: float) -> Iterator[tuple[Seen, float]]:
    """The first is taken to hold from the film's begin."""
    held = [Seen(0.0, seen[0].text), *seen[1:]]
    yield from zip(held, [*(later.at for later in held[1:]), ends], strict=True)

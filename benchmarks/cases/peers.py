"""This gateway beside other programs that proxy, or that start what they proxy to.

What is not installed is skipped, and named. A proxy has no cold start. Sablier starts containers,
not jobs. A "local" peer has its service on this machine, without SSH.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import median

from benchmarks.baselines.by_hand import ByHand, by_hand
from benchmarks.bed import Bed
from benchmarks.cases.cold import spread
from benchmarks.cases.warm import COMPARED_AT
from benchmarks.endpoint import Endpoint
from benchmarks.load.tally import Tally, tally
from benchmarks.load.wrk import wrk
from benchmarks.peers.installed import build
from benchmarks.peers.lineup import LOAD_SECONDS, PATIENCE, Starter, line_up
from benchmarks.results import Line, Rounds, markdown, number
from benchmarks.scale import SMOKE, Scale

BY_HAND = "by hand"
REQUESTS, COLD = (
    f"requests/s, {COMPARED_AT} connections",
    f"cold start, loads for {LOAD_SECONDS:g} s",
)
ANSWERED, REFUSED, STARTED, LAST = "answered", "refused", "jobs or containers", "last answer"


def measure(bed: Bed, scale: Scale) -> list[Line]:
    if scale is not SMOKE:
        build("caddy", bed.say)
    with ExitStack() as open_:
        directory = bed.directory / "peers"
        person = open_.enter_context(by_hand(bed.cluster, directory / "by-hand"))
        peers = line_up(bed, directory, person, open_)
        rounds = Rounds(scale.rounds, bed.say)
        lines = requests(peers.warm, rounds, scale)
        for starter in peers.cold.values():
            starter.stop()
        lines += [
            *cold_starts(peers.cold, person, rounds, scale),
            *crowds(peers.cold, rounds, scale),
        ]
    bed.say(f"peers, in short:\n\n{summary(lines)}\n")
    return lines


def requests(warm: Mapping[str, Endpoint], rounds: Rounds, scale: Scale) -> list[Line]:
    seen = rounds.of(
        f"peers: {REQUESTS}",
        {
            name: partial(wrk, way, COMPARED_AT, scale.seconds, strict=name == "product")
            for name, way in warm.items()
        },
    )
    rates = {name: tuple(one.per_second for one in found) for name, found in seen.items()}
    return [
        Line("peers", REQUESTS, "/s", values, "bare", rates["bare"], subject=name)
        for name, values in rates.items()
    ]


def cold_starts(
    cold: Mapping[str, Starter], person: ByHand, rounds: Rounds, scale: Scale
) -> list[Line]:
    starts = {name: starter.first_answer for name, starter in cold.items()}
    starts[BY_HAND] = partial(person.start, LOAD_SECONDS)
    seen = rounds.of(
        f"peers: {COLD}",
        {name: partial(spread, start, scale.starts) for name, start in starts.items()},
    )
    base = tuple(seen.pop(BY_HAND))
    return [
        Line("peers", COLD, "s", tuple(values), BY_HAND, base, subject=name)
        for name, values in seen.items()
    ]


def crowds(cold: Mapping[str, Starter], rounds: Rounds, scale: Scale) -> list[Line]:
    what = f"{scale.peers_crowd} cold requests at once"
    seen = rounds.of(
        f"peers: {what}",
        {name: partial(crowd, starter, scale.peers_crowd) for name, starter in cold.items()},
    )
    lines = []
    for name, found in seen.items():
        figures: dict[str, tuple[str, list[float]]] = {
            ANSWERED: ("", [one.answered for one, _ in found]),
            REFUSED: ("", [one.refused for one, _ in found]),
            STARTED: ("", [started for _, started in found]),
            LAST: ("s", [one.seconds for one, _ in found]),
        }
        lines += [
            Line("peers", f"{what}: {figure}", unit, tuple(values), subject=name)
            for figure, (unit, values) in figures.items()
        ]
    return lines


def crowd(starter: Starter, clients: int) -> tuple[Tally, int]:
    before = starter.starts()
    seen = tally(starter.endpoint, clients, PATIENCE)
    started = starter.starts() - before
    starter.stop()
    return seen, started


def summary(lines: Sequence[Line]) -> str:
    """One row a peer; a dash where it has no such thing."""
    names = dict.fromkeys(line.subject for line in lines)
    rows = [_row({_figure(one): one for one in lines if one.subject == name}) for name in names]
    head = ("peer", "requests/s", "to bare", f"{COLD}, s", ANSWERED, REFUSED, STARTED, f"{LAST}, s")
    return markdown([head, *((name, *row) for name, row in zip(names, rows, strict=True))])


def _figure(line: Line) -> str:
    return line.what.rpartition(": ")[2]


def _row(lines: Mapping[str, Line]) -> tuple[str, ...]:
    figures = [lines.get(name) for name in (REQUESTS, COLD, ANSWERED, REFUSED, STARTED, LAST)]
    cells = [number(median(line.values)) if line else "–" for line in figures]
    requests = figures[0]
    ratio = f"{median(requests.ratios):.2f}" if requests else "–"
    return (cells[0], ratio, *cells[1:])

"""What the naive design does under steady load, for the reader who would have written it."""

from __future__ import annotations

from benchmarks.bed import Bed
from benchmarks.cases import warm
from benchmarks.endpoint import Wrong
from benchmarks.load import wrk
from benchmarks.load.open_loop import open_loop
from benchmarks.results import Line
from benchmarks.scale import Scale


def measure(bed: Bed, scale: Scale) -> list[Line]:
    lines = []
    for name in ("naive", "product"):
        way = bed.way(name, *warm.SERVICE)
        bed.say(f"naive: {scale.naive_seconds:g} s of load on {name}")
        seen = wrk.closed(wrk.run(way, warm.COMPARED_AT, scale.naive_seconds))
        what = f"{warm.COMPARED_AT} connections for {scale.naive_seconds:g} s"
        figures = {
            "requests/s": ("/s", seen.per_second),
            "p99": ("ms", seen.p99),
            "longest": ("ms", seen.longest),
            "failed requests": ("", float(seen.errors)),
            "answers a request afterwards": ("(1: yes)", float(answers(bed, name))),
        }
        lines += [
            Line("naive", f"{what}: {figure}", unit, (value,), subject=name)
            for figure, (unit, value) in figures.items()
        ]
    return lines


def answers(bed: Bed, name: str) -> bool:
    try:
        open_loop(bed.way(name, *warm.SERVICE), connections=1, rate=1, seconds=1)
    except Wrong:
        return False
    return True

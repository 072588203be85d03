"""Where a warm request's processor time goes: to which program, beside a bare nginx."""

from __future__ import annotations

from functools import partial

from benchmarks.bed import Bed
from benchmarks.cases.warm import COMPARED_AT, SERVICE
from benchmarks.endpoint import Endpoint
from benchmarks.load.wrk import checked, run, wrk
from benchmarks.processes import ELSEWHERE, LOAD, by_program, cpu_by_process
from benchmarks.results import Line, Rounds
from benchmarks.scale import Scale

PROGRAMS = ("nginx: worker", "ssh", "gunicorn", ELSEWHERE, LOAD)
ALL = "all of these"


def measure(bed: Bed, scale: Scale) -> list[Line]:
    ways = {name: bed.way(name, *SERVICE) for name in ("product", "bare")}
    seen = Rounds(scale.rounds, bed.say).of(
        f"parts: {COMPARED_AT} connections",
        {name: partial(spent, way, scale) for name, way in ways.items()},
    )
    return [line(program, seen["product"], seen["bare"]) for program in (*PROGRAMS, ALL)]


def line(program: str, product: list[dict[str, float]], bare: list[dict[str, float]]) -> Line:
    what = f"processor time of a request, {COMPARED_AT} connections: {program}"
    ours, theirs = (tuple(one.get(program, 0) for one in way) for way in (product, bare))
    return Line("parts", what, "µs", ours, "bare", theirs)


def spent(way: Endpoint, scale: Scale) -> dict[str, float]:
    """Microseconds per request, by program."""
    strict = way.name == "product"
    wrk(way, COMPARED_AT, 1, strict=strict)
    before = cpu_by_process()
    seen = run(way, COMPARED_AT, scale.seconds)
    after = cpu_by_process()
    checked(way, seen, strict=strict)
    spans = {pid: seconds - before.get(pid, 0) for pid, seconds in after.items()}
    used = {name: span / seen["requests"] * 1e6 for name, span in by_program(spans).items()}
    return {**used, ALL: sum(used.get(program, 0) for program in PROGRAMS)}

"""Small answers of a service that is ready: how many, and how late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from benchmarks.baselines.bare import NO_LOG
from benchmarks.bed import Bed
from benchmarks.endpoint import Endpoint
from benchmarks.load.open_loop import open_loop
from benchmarks.load.wrk import wrk
from benchmarks.results import Line, Rounds, ratio_at_least, ratio_at_most
from benchmarks.scale import Scale

SERVICE = ("fast", "fast.sh")
COMPARED_AT = 64  # connections: with naive, and with a bare nginx that does not log


def measure(bed: Bed, scale: Scale) -> list[Line]:
    ways = {name: bed.way(name, *SERVICE) for name in ("product", "bare", "direct")}
    rounds = Rounds(scale.rounds, bed.say)
    lines = []
    for connections in scale.connections:
        lines += throughput("warm", ways, rounds, connections, scale)
        lines += latency("warm", ways, rounds, connections, scale)
    return [*lines, without_log(bed, rounds, scale), against_naive(bed, rounds, scale)]


def throughput(
    case: str, ways: Mapping[str, Endpoint], rounds: Rounds, connections: int, scale: Scale
) -> list[Line]:
    what = f"requests/s, {connections} connections"
    seen = rounds.of(
        f"{case}: {what}",
        {
            name: partial(wrk, way, connections, scale.seconds, strict=name == "product")
            for name, way in ways.items()
        },
    )
    rates = {name: tuple(one.per_second for one in found) for name, found in seen.items()}
    # At one connection the ratio is a matter of microseconds, and varies with the machine.
    bound = ratio_at_least(0.95 if case == "far" or connections == 1 else 0.97)
    lines = [Line(case, what, "/s", rates["product"], "bare", rates["bare"], bound)]
    if "direct" in rates:
        lines.append(Line(case, what, "/s", rates["product"], "direct", rates["direct"]))
    return lines


def latency(
    case: str, ways: Mapping[str, Endpoint], rounds: Rounds, connections: int, scale: Scale
) -> list[Line]:
    """At a rate that none of them is busy with; a single connection takes less."""
    rate = min(scale.rate, 500.0 * connections)
    if case == "far":
        rate = min(rate, 8.0 * connections)  # a round trip is 60 ms
    what = f"latency at {rate:g}/s, {connections} connections"
    ways = {name: way for name, way in ways.items() if name != "direct"}
    seen = rounds.of(
        f"{case}: {what}",
        {n: partial(open_loop, way, connections, rate, scale.seconds) for n, way in ways.items()},
    )
    return [
        Line(
            case,
            f"{quantile} {what}",
            "ms",
            tuple(getattr(one, quantile) for one in seen["product"]),
            "bare",
            tuple(getattr(one, quantile) for one in seen["bare"]),
            ratio_at_most(1.10),
        )
        for quantile in ("p50", "p99")
    ]


def without_log(bed: Bed, rounds: Rounds, scale: Scale) -> Line:
    """Not asked for: it shows what the log costs."""
    ways = {"product": bed.way("product", *SERVICE), "bare": bed.way(NO_LOG, *SERVICE)}
    [line] = throughput("warm", ways, rounds, COMPARED_AT, scale)
    return replace(line, baseline=NO_LOG, bound=None)


def against_naive(bed: Bed, rounds: Rounds, scale: Scale) -> Line:
    """It may fail some requests; the product may not."""
    product, naive = (bed.way(name, *SERVICE) for name in ("product", "naive"))
    what = f"requests/s, {COMPARED_AT} connections"
    seen = rounds.of(
        f"warm: {what}",
        {
            "product": lambda: wrk(product, COMPARED_AT, scale.seconds).per_second,
            "naive": lambda: wrk(naive, COMPARED_AT, scale.seconds, strict=False).per_second,
        },
    )
    values, base = tuple(seen["product"]), tuple(seen["naive"])
    return Line("warm", what, "/s", values, "naive", base, ratio_at_least(8))

"""One large body, both ways, and what it does to the memory of everything on its way."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from benchmarks.baselines.bare import STREAMING
from benchmarks.bed import Bed
from benchmarks.endpoint import Endpoint
from benchmarks.load.bulk import bulk
from benchmarks.processes import MemoryWatch, processes_of
from benchmarks.results import Bound, Line, Rounds, ratio_at_least
from benchmarks.scale import Scale

SERVICE = ("bulk", "bulk.sh")
GROWTH = 64.0  # MB that a process may grow by: its buffers, not the body


def measure(bed: Bed, scale: Scale) -> list[Line]:
    product, base = bed.way("product", *SERVICE), bed.way("bare", *SERVICE)
    rounds, lines = Rounds(scale.rounds, bed.say), []
    with MemoryWatch(processes_of(bed.gateway.run_dir)) as watch:
        for way in ("down", "up"):
            lines.append(compare("transfer", (product, base), rounds, way, scale.body))
    streaming = compare(
        "transfer", (product, bed.way(STREAMING, *SERVICE)), rounds, "up", scale.body
    )
    lines.append(replace(streaming, bound=None))  # not asked for: it shows what buffering costs
    name, grown = watch.most()
    what = f"growth of the largest process ({name})"
    lines.append(Line("transfer", what, "MB", (grown,), bound=Bound("value", "≤", GROWTH)))
    return lines


def compare(
    case: str, ways: tuple[Endpoint, Endpoint], rounds: Rounds, way: str, length: int
) -> Line:
    what = f"{length / (1 << 20):,.0f} MiB {way}"
    seen = rounds.of(f"{case}: {what}", {one.name: partial(bulk, one, way, length) for one in ways})
    values, base = (tuple(per_second / 1e6 for per_second in seen[one.name]) for one in ways)
    bound = ratio_at_least(0.97 if (case, way) == ("transfer", "down") else 0.95)
    return Line(case, what, "MB/s", values, ways[1].name, base, bound)

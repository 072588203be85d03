"""Many requests in the same moment for a service that is not there: one job, and all answered."""

from __future__ import annotations

from benchmarks.bed import Bed
from benchmarks.endpoint import Wrong
from benchmarks.load.burst import burst
from benchmarks.results import Bound, Line, Rounds
from benchmarks.scale import Scale

PATIENCE = 120.0


def measure(bed: Bed, scale: Scale) -> list[Line]:
    bed.offer("crowd", "bulk.sh")
    jobs: list[float] = []
    seen = Rounds(scale.rounds, bed.say).of("crowd", {"product": lambda: gather(bed, scale, jobs)})
    what = f"{scale.crowd:,} cold requests at once"
    return [
        Line("crowd", f"{what}: jobs", "", tuple(jobs), bound=Bound("value", "≤", 1)),
        Line(
            "crowd",
            f"{what}: last answer after ready",
            "s",
            tuple(seen["product"]),
            bound=Bound("value", "≤", 1.0),
        ),
    ]


def gather(bed: Bed, scale: Scale, jobs: list[float]) -> float:
    gateway = bed.gateway
    before = gateway.submissions("crowd")
    _, last = burst(gateway.endpoint("crowd"), scale.crowd, PATIENCE)
    jobs.append(gateway.submissions("crowd") - before)
    ready = [e["at"] for e in gateway.info("crowd")["events"] if e["state"] == "ready"]
    if not ready:
        raise Wrong("crowd: it was never ready, says /info")
    gateway.stop("crowd")
    return float(last - max(ready))

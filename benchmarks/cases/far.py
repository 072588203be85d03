"""The cluster is far away: a round trip of 60 ms, and one packet of a thousand lost each way."""

from __future__ import annotations

from benchmarks.bed import Bed
from benchmarks.cases import transfer, warm
from benchmarks.results import Line, Rounds
from benchmarks.scale import Scale

ONE_WAY_MS, LOSS_PERCENT = 30.0, 0.1


def measure(bed: Bed, scale: Scale) -> list[Line]:
    small = {name: bed.way(name, *warm.SERVICE) for name in ("product", "bare")}
    product, bare = (bed.way(name, *transfer.SERVICE) for name in ("product", "bare"))
    rounds, lines = Rounds(scale.rounds, bed.say), list[Line]()
    bed.cluster.slow("login", ONE_WAY_MS, LOSS_PERCENT)
    try:
        for connections in scale.connections:
            lines += warm.throughput("far", small, rounds, connections, scale)
            lines += warm.latency("far", small, rounds, connections, scale)
        for way in ("down", "up"):
            lines.append(transfer.compare("far", (product, bare), rounds, way, scale.far_body))
    finally:
        bed.cluster.heal("login")
    return lines

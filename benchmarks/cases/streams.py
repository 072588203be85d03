"""Many streams at once: nothing lost, nothing reordered, and how late the chunks are."""

from __future__ import annotations

from functools import partial

from benchmarks.bed import Bed
from benchmarks.load.streams import streams
from benchmarks.results import Line, Rounds, ratio_at_most
from benchmarks.scale import Scale

SERVICE = ("bulk", "bulk.sh")
INTERVAL = 0.1


def measure(bed: Bed, scale: Scale) -> list[Line]:
    ways = {name: bed.way(name, *SERVICE) for name in ("product", "bare")}
    listen = {
        n: partial(streams, w, scale.streams, scale.chunks, INTERVAL) for n, w in ways.items()
    }
    seen = Rounds(scale.stream_rounds, bed.say).of("streams", listen)
    what = f"delay of a chunk, {scale.streams:,} streams of {scale.chunks * INTERVAL:g} s"
    return [
        Line(
            "streams",
            f"{quantile} {what}",
            "ms",
            tuple(getattr(one, quantile) for one in seen["product"]),
            "bare",
            tuple(getattr(one, quantile) for one in seen["bare"]),
            ratio_at_most(1.2) if quantile == "p99" else None,
        )
        for quantile in ("p50", "p99")
    ]

"""The cases, by the names they have on the command line. How to add one: docs/performance.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.bed import Bed
from benchmarks.cases import (
    at_once,
    beside_streams,
    cold,
    crowd,
    failure,
    far,
    many,
    parts,
    peers,
    ssh,
    streams,
    transfer,
    warm,
)
from benchmarks.results import Line
from benchmarks.scale import Scale

Case = Callable[[Bed, Scale], list[Line]]

CASES: Mapping[str, Case] = {
    "warm": warm.measure,
    "parts": parts.measure,
    "transfer": transfer.measure,
    "streams": streams.measure,
    "beside-streams": beside_streams.measure,
    "cold": cold.measure,
    "crowd": crowd.measure,
    "at-once": at_once.measure,
    "far": far.measure,
    "ssh": ssh.measure,
    "naive": failure.measure,
    "peers": peers.measure,
    "many": many.measure,  # last: it ends what the others made
}

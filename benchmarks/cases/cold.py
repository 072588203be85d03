"""From the first request to a service that is not there until its answer, against by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import mean

from benchmarks.baselines.by_hand import by_hand
from benchmarks.bed import Bed
from benchmarks.endpoint import Wrong
from benchmarks.results import Bound, Line, Rounds, ratio_at_most
from benchmarks.scale import Scale

LOADS = {0: Bound("difference", "≤", 0.3), 5: ratio_at_most(1.10)}  # seconds to load → bound


def measure(bed: Bed, scale: Scale) -> list[Line]:
    rounds = Rounds(scale.rounds, bed.say)
    with by_hand(bed.cluster, bed.directory / "by-hand") as person:
        lines = []
        for load, bound in LOADS.items():
            route = f"cold-{load}"
            bed.offer(route, "fast.sh", env={"LOAD_SECONDS": str(load)})
            what = f"first answer of a service that loads for {load} s"
            seen = rounds.of(
                f"cold: {what}",
                {
                    "product": partial(spread, partial(first_answer, bed, route), scale.starts),
                    "by hand": partial(spread, partial(person.start, load), scale.starts),
                },
            )
            values, base = tuple(seen["product"]), tuple(seen["by hand"])
            lines.append(Line("cold", what, "s", values, "by hand", base, bound))
    return lines


def spread(start: Callable[[], float], starts: int) -> float:
    """Slurm looks for work once a second: how long a job waits depends on when in that second it
    comes. The mean of starts all over it."""
    took = []
    for number in range(starts):
        time.sleep((number / starts - time.time()) % 1)
        took.append(start())
    return mean(took)


def first_answer(bed: Bed, route: str) -> float:
    began = time.monotonic()
    answer = bed.gateway.client.get(f"/{route}/echo?n=1", timeout=150)
    took = time.monotonic() - began
    if (answer.status_code, answer.text) != (200, "1\n"):
        raise Wrong(f"{route}: {answer.status_code} {answer.text[:200]!r}")
    bed.gateway.stop(route)
    return took

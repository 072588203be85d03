"""`python -m benchmarks.simulate`: days of many clusters in minutes, with the real controller."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import machine
from benchmarks.simulate.chart import chart
from benchmarks.simulate.gateway import Gateway
from benchmarks.simulate.given import configured
from benchmarks.simulate.others import always_on, knative
from benchmarks.simulate.trace import HOUR, Trace, drawn
from benchmarks.simulate.traffic import Totals
from benchmarks.simulate.world import Sampled, Starter, World

SMOKE = {"days": 0.5, "clusters": 2, "services": 4, "step": 5.0}


class Result(NamedTuple):
    """Of one way to start the jobs, at the end of the trace."""

    name: str
    totals: Totals
    gpu_hours: float
    jobs: int
    samples: Sequence[Sampled]

    @classmethod
    def of(cls, name: str, world: World) -> Result:
        world.traffic.settle()
        jobs = sum(cluster.submitted for cluster in world.clusters)
        return cls(name, world.totals, world.gpu_seconds / HOUR, jobs, tuple(world.samples))

    def row(self) -> str:
        totals = self.totals
        delayed = totals.delayed / max(1.0, totals.requests)
        waiting = totals.waiting / max(1.0, totals.present)
        unused = self.gpu_hours - totals.needed / HOUR
        return (
            f"| {self.name} | {totals.requests:,.0f} | {delayed:.1%} | {waiting:.1%} | "
            f"{totals.cut:,.0f} | {self.gpu_hours:,.0f} | {unused:,.0f} | {self.jobs:,} |"
        )


HEAD = """\
| who starts the jobs | requests | delayed | clients' time spent waiting | cut off | GPU hours | \
without a request | jobs |
|---|---|---|---|---|---|---|---|"""


def main(argv: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(argv)
    if chosen.smoke:
        vars(chosen).update(SMOKE)
    trace = drawn(chosen.seed, chosen.days, chosen.clusters, chosen.services)
    _say(
        f"{chosen.days:g} days, {chosen.clusters} clusters, {len(trace.services)} services, "
        f"{len(trace.sessions):,} sessions, {len(trace.outages)} outages, "
        f"{len(trace.others):,} jobs of others"
    )
    try:
        product, broken, words = _product(trace, chosen.step)
        compared = [] if chosen.alone else [_compared(trace, *way) for way in _WAYS]
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    results = [product, *compared]
    print(f"\n{machine.words()}\n\n{words}\n")
    print("\n".join([HEAD, *(result.row() for result in results)]))
    if chosen.svg:
        chosen.svg.write_text(chart({one.name: one.samples for one in results}, trace.days))
    for text in broken[:20]:
        print(f"error: {text}", file=sys.stderr)
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.simulate",
        description="Runs the real controller against simulated clusters, clients and time, and "
        "ends with exit code 1 if an invariant was broken: at most one live job of each slot, at "
        "most max_replicas and a successor, no orphan, everything that was submitted ends. The "
        "table compares it with two other ways to start jobs, in the same simulated days.",
    )
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--services", type=int, default=50, help="of each cluster")
    parser.add_argument("--seed", type=int, default=1)
    step = "simulated seconds between passes of the controller while something changes"
    parser.add_argument("--step", type=float, default=5.0, help=step)
    parser.add_argument("--alone", action="store_true", help="compare with nothing")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the chart there")
    parser.add_argument("--smoke", action="store_true", help="see that it works: no figures")
    return parser


def _product(trace: Trace, step: float) -> tuple[Result, Sequence[str], str]:
    """With the invariants that were broken, and what the run cost."""
    world, began = World(trace, partial(_say_of, "orchestrator")), time.process_time()
    services = {one.route: configured(one) for one in trace.services}
    world.starter = gateway = Gateway(world, services, step)
    gateway.run()
    cpu, passes = time.process_time() - began, gateway.passes
    result = Result.of("orchestrator", world)
    gateway.end_everything()
    broken = gateway.invariants.broken
    return (
        result,
        broken,
        (
            f"{len(broken)} invariants broken. The control plane was killed {gateway.kills} times. "
            f"{cpu / trace.days:.0f} s of processor time a simulated day: {passes:,} passes of "
            f"{cpu / passes * 1000:.1f} ms, with what is simulated."
        ),
    )


def _compared(trace: Trace, name: str, way: Callable[[World], Starter]) -> Result:
    world = World(trace, partial(_say_of, name))
    world.starter = way(world)
    world.starter.run()
    return Result.of(name, world)


_WAYS: tuple[tuple[str, Callable[[World], Starter]], ...] = (
    ("Knative's rules", knative),
    ("always on", always_on),
)


def _say_of(name: str, text: str) -> None:
    _say(f"{name}: {text}")


def _say(text: str) -> None:
    print(f"• {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Other ways to speak SSH than one OpenSSH connection: two of them, and paramiko."""

from __future__ import annotations

from functools import partial

from benchmarks.bed import Bed
from benchmarks.endpoint import Endpoint
from benchmarks.load.open_loop import open_loop
from benchmarks.load.wrk import wrk
from benchmarks.results import Line, Rounds
from benchmarks.scale import Scale

BASE = "1 connection"
CONNECTIONS = (64,)  # of clients


def measure(bed: Bed, scale: Scale) -> list[Line]:
    ways = {
        BASE: bed.way("product", "fast", "fast.sh"),
        "2 connections": two_connections(bed),
        "paramiko": by_paramiko(bed),
    }
    rounds, lines = Rounds(scale.rounds, bed.say), list[Line]()
    for connections in CONNECTIONS:
        lines += compare(ways, rounds, connections, scale)
    return lines


def two_connections(bed: Bed) -> Endpoint:
    way = bed.offer("two", "fast.sh", ssh_connections=2)
    bed.gateway.start("two")
    return way


def by_paramiko(bed: Bed) -> Endpoint:
    gateway = bed.another_gateway(SSH_BACKEND="paramiko")
    gateway.configure(gateway.service("fast", "fast.sh"))
    gateway.start("fast")
    return gateway.endpoint("fast")


def compare(
    ways: dict[str, Endpoint], rounds: Rounds, connections: int, scale: Scale
) -> list[Line]:
    what = f"{connections} connections"
    fast = rounds.of(
        f"ssh: requests/s, {what}",
        {name: partial(wrk, way, connections, scale.seconds) for name, way in ways.items()},
    )
    rate = min(scale.rate, 500.0 * connections)
    late = rounds.of(
        f"ssh: latency, {what}",
        {n: partial(open_loop, way, connections, rate, scale.seconds) for n, way in ways.items()},
    )
    figures = {
        f"requests/s, {what}": ("/s", {n: [o.per_second for o in s] for n, s in fast.items()}),
        f"p50 at {rate:g}/s, {what}": ("ms", {n: [o.p50 for o in s] for n, s in late.items()}),
        f"p99 at {rate:g}/s, {what}": ("ms", {n: [o.p99 for o in s] for n, s in late.items()}),
    }
    return [
        Line("ssh", text, unit, tuple(seen[name]), BASE, tuple(seen[BASE]), subject=name)
        for text, (unit, seen) in figures.items()
        for name in ways
        if name != BASE
    ]

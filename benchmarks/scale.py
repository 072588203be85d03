"""How much of everything: the real thing, or just enough to see that it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    rounds: int = 5
    seconds: float = 5  # of load, each time
    rate: float = 2000  # requests per second of the open loop
    connections: tuple[int, ...] = (1, 64, 256)
    body: int = 1 << 30
    far_body: int = 1 << 26  # over the slow network
    streams: int = 1000
    chunks: int = 600  # per stream, ten a second
    stream_rounds: int = 3
    starts: int = 4  # cold ones, of which the mean is taken
    crowd: int = 1000
    at_once: int = 150  # services started at once
    peers_crowd: int = 200
    services: int = 1000
    ready: int = 50
    steady_seconds: float = 60
    naive_seconds: float = 60


SMOKE = Scale(
    rounds=1,
    seconds=1,
    rate=200,
    connections=(1, 16),
    body=1 << 24,
    far_body=1 << 20,
    streams=20,
    chunks=10,
    stream_rounds=1,
    starts=1,
    crowd=30,
    at_once=5,
    peers_crowd=20,
    services=20,
    ready=2,
    steady_seconds=2,
    naive_seconds=2,
)

"""What happens in the simulated period, for every way to start jobs: drawn from a seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

MONDAY = 1_767_571_200.0  # 2026-01-05 00:00 UTC
HOUR, DAY = 3600.0, 86400.0
NODES, GPUS = 24, 8  # of each cluster
OTHERS_GPUS, OTHERS_HOURS = 3, 3.0  # what a job of other users has on average


@dataclass(frozen=True)
class SimulatedService:
    route: str
    cluster: int
    least: int
    most: int
    target: int  # requests that a replica answers at a time
    seconds: float  # for a request
    loading: float  # seconds from the start of the job until it answers
    walltime: float
    timeout: float


@dataclass(frozen=True)
class Session:
    """Clients that send one request after the other."""

    route: str
    start: float
    end: float
    clients: int


@dataclass(frozen=True)
class Outage:
    """`what`: "login" (no ssh), "slurm" (no answers, tunnels stay), "node" (its jobs end)."""

    cluster: int
    what: str
    start: float
    end: float


@dataclass(frozen=True)
class OtherJob:
    """Of another user of the cluster."""

    cluster: int
    start: float
    gpus: int
    seconds: float


@dataclass(frozen=True)
class Trace:
    days: float
    clusters: int
    services: tuple[SimulatedService, ...]
    sessions: tuple[Session, ...]
    outages: tuple[Outage, ...]
    others: tuple[OtherJob, ...]

    @property
    def end(self) -> float:
        return MONDAY + self.days * DAY


def drawn(seed: int, days: float, clusters: int, services: int) -> Trace:
    """`services` of each cluster."""
    random = Random(seed)
    made = [_service(random, c, n) for c in range(clusters) for n in range(services)]
    return Trace(
        days,
        clusters,
        tuple(made),
        tuple(one for service in made for one in _sessions(random, service, days)),
        tuple(one for cluster in range(clusters) for one in _outages(random, cluster, days)),
        tuple(one for cluster in range(clusters) for one in _others(random, cluster, days)),
    )


def _service(random: Random, cluster: int, number: int) -> SimulatedService:
    most = random.choice((1, 1, 2, 4, 4))
    return SimulatedService(
        route=f"c{cluster}-s{number}",
        cluster=cluster,
        least=random.choice((0,) * 29 + (1,)),
        most=most,
        target=random.choice((2, 4, 8)),
        seconds=random.uniform(1, 15),
        loading=random.uniform(15, 180),
        walltime=random.choice((1, 4, 8, 24)) * HOUR,
        timeout=random.choice((300.0, 600.0, 1200.0)),
    )


def wave(moment: float) -> float:
    """How busy people are, from 0 to 1: by day, and on five days of the week."""
    hour, weekday = (moment - MONDAY) % DAY / HOUR, (moment - MONDAY) // DAY % 7
    by_hour = 0.05 + 0.95 * max(0.0, math.sin(math.pi * (hour - 7) / 12)) if 7 < hour < 19 else 0.05
    return by_hour * (1.0 if weekday < 5 else 0.3)


def _arrivals(random: Random, per_hour: float, days: float) -> Iterator[float]:
    """Times at which something comes that comes so often at the busiest hour."""
    now, end = MONDAY, MONDAY + days * DAY
    while (now := now + random.expovariate(per_hour / HOUR)) < end:
        if random.random() < wave(now):
            yield now


def _sessions(random: Random, service: SimulatedService, days: float) -> Iterator[Session]:
    """Most services are used a few times a day, some all the time; every tenth has a course."""
    per_hour = min(12.0, random.lognormvariate(-1.2, 1.2))
    for start in _arrivals(random, per_hour, days):
        clients = min(service.target, random.choice((1, 1, 1, 2, 3, 6)))
        length = min(4 * HOUR, random.expovariate(1 / (15 * 60)))
        yield Session(service.route, start, start + length, clients)
    if random.random() < 0.1:
        hour = random.choice((8, 9, 10, 11, 13, 14, 15))
        for day in range(math.ceil(days)):
            start = MONDAY + day * DAY + hour * HOUR
            if day % 7 < 5 and start < MONDAY + days * DAY:
                yield from _course(random, service, start)


def _course(random: Random, service: SimulatedService, start: float) -> Iterator[Session]:
    """Never more than all its replicas can answer: there is no remedy against that."""
    most = service.most * service.target
    for _ in range(random.randint(most // 2, most - 1)):
        begins = start + random.uniform(0, 120)
        yield Session(service.route, begins, start + random.uniform(0.7, 1) * 1.5 * HOUR, 1)


def _outages(random: Random, cluster: int, days: float) -> Iterator[Outage]:
    """About one a day for each cluster: seconds to hours."""
    for what, mean_days in (("login", 2.0), ("slurm", 2.0), ("node", 1.5)):
        now = MONDAY
        while (now := now + random.expovariate(1 / (mean_days * DAY))) < MONDAY + days * DAY:
            length = min(3 * HOUR, random.lognormvariate(math.log(300), 1.3))
            yield Outage(cluster, what, now, now + length)
            now += length


def _others(random: Random, cluster: int, days: float) -> Iterator[OtherJob]:
    """Half of the cluster at night; more than all of it at the busiest hours of some days."""
    for day in range(math.ceil(days)):
        pressure = random.choice((0.6, 0.7, 0.8, 1.5))
        yield from _others_of_day(random, cluster, day, min(1.0, days - day), pressure)


def _others_of_day(
    random: Random, cluster: int, day: int, length: float, pressure: float
) -> Iterator[OtherJob]:
    per_hour = NODES * GPUS / (OTHERS_GPUS * OTHERS_HOURS) * pressure
    now = MONDAY + day * DAY
    end = now + length * DAY
    while (now := now + random.expovariate(per_hour / HOUR)) < end:
        if random.random() < 0.35 + 0.65 * wave(now):
            gpus = random.choice((1, 1, 2, 4, 4, 6))
            yield OtherJob(
                cluster, now, gpus, min(DAY, random.expovariate(1 / OTHERS_HOURS) * HOUR)
            )

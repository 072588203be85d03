"""Many services started at the same moment on one login: each job is submitted before its
deadline, which is 25 s after its intent."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.bed import Bed, Gateway
from benchmarks.results import Bound, Line
from benchmarks.scale import Scale
from tests.stack.waiting import wait_for

DEADLINE = 25.0
CLIENTS = 16


def measure(bed: Bed, scale: Scale) -> list[Line]:
    bed.rest()
    gateway = bed.another_gateway()
    routes = [f"a{number:03}" for number in range(scale.at_once)]
    gateway.configure(*(gateway.service(route, "fast.sh") for route in routes))
    failed: list[float] = []
    seconds: list[float] = []
    for _ in range(scale.rounds):
        bed.say(f"at-once: {len(routes)} services are started")
        outcomes = start(gateway, routes)
        failed.append(len(routes) - len(outcomes))
        seconds.append(max(outcomes, default=DEADLINE))
        rest(gateway, routes)
    what = f"{len(routes)} services started at once"
    return [
        _line(f"{what}: not submitted", "", failed, 0),
        _line(f"{what}: last submission after", "s", seconds, DEADLINE),
    ]


def _line(what: str, unit: str, values: list[float], limit: float) -> Line:
    return Line("at-once", what, unit, tuple(values), bound=Bound("value", "≤", limit))


def start(gateway: Gateway, routes: list[str]) -> list[float]:
    """For each job that was submitted, how long it took."""
    began = time.time()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for answer in pool.map(lambda route: gateway.admin(route, "start"), routes):
            answer.raise_for_status()
    wait_for("all are settled", lambda: not _submitting(gateway), 2 * DEADLINE, pause=0.5)
    with ThreadPoolExecutor(CLIENTS) as pool:
        found = pool.map(lambda route: _submitted_at(gateway, route, began), routes)
        return [at - began for at in found if at is not None]


def _submitting(gateway: Gateway) -> list[str]:
    services = gateway.info()["services"]
    return [s["route_name"] for s in services if s["state"] == "queued" and not _has_id(s)]


def _has_id(service: dict[str, Any]) -> bool:
    return any(replica["job_id"] for replica in service["replicas"])


def _submitted_at(gateway: Gateway, route: str, began: float) -> float | None:
    """When the event with the job's id was written."""
    named = [e["at"] for e in gateway.info(route)["events"] if "(job " in e["text"]]
    return min((at for at in named if at >= began), default=None)


def rest(gateway: Gateway, routes: list[str]) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda route: gateway.admin(route, "stop"), routes))
    wait_for("no job is left", lambda: not gateway.jobs(), 120, pause=1)

"""The cost of many configured services, some of them ready, without any requests."""

from __future__ import annotations

import re
import time
from typing import Any

from benchmarks.bed import Bed, Gateway
from benchmarks.processes import cpu_seconds, processes_of, resident
from benchmarks.results import Bound, Line
from benchmarks.scale import Scale
from tests.stack.waiting import wait_for

CONTROL_PLANE = ("gunicorn", "supervisord")
LOOKS = 20
SQUEUE = re.compile(r"REQUEST_JOB_(?:USER_)?INFO\s*\(\s*\d+\)\s*count:(\d+)")


def measure(bed: Bed, scale: Scale) -> list[Line]:
    bed.rest()
    gateway = bed.another_gateway()
    entries = [gateway.service(f"s{number:04}", "fast.sh") for number in range(scale.services)]
    bed.say(f"many: {scale.services:,} services, {scale.ready} of them ready")
    entries[-1]["api_paths"] = ["/echo"]
    gateway.configure(*entries)
    wake(gateway, scale.ready)
    bed.say(f"many: {scale.steady_seconds:g} s in which nothing happens")
    lines = steady(bed, gateway, scale.steady_seconds)
    lines.append(_line("/info", "ms", [info(gateway) for _ in range(LOOKS)], 50))
    edits = [edit(bed, gateway, entries, number) for number in range(scale.rounds)]
    lines.append(_line("an edit is live", "s", edits, 2))
    return lines


def wake(gateway: Gateway, number: int) -> None:
    for index in range(number):
        gateway.admin(f"s{index:04}", "start").raise_for_status()

    def ready() -> bool:
        services = gateway.info()["services"]
        return [service["state"] for service in services].count("ready") == number

    wait_for(f"{number} are ready", ready, 180, pause=1)


def steady(bed: Bed, gateway: Gateway, seconds: float) -> list[Line]:
    time.sleep(min(20, seconds))  # the pace of a service that has just started is quicker
    found = processes_of(gateway.run_dir)
    pids = [pid for pid, program in found.items() if program in CONTROL_PLANE]
    used, asked, began = cpu_seconds(pids), squeue_calls(bed), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    share = 100 * (cpu_seconds(pids) - used) / took
    calls = (squeue_calls(bed) - asked) / took * 60
    memory = sum(map(resident, pids))
    return [
        _line("control plane, memory", "MB", [memory], 250),
        _line("control plane, share of a core", "%", [share], 3),
        _line("squeue calls of a login per minute", "", [calls], 6),
    ]


def _line(what: str, unit: str, values: list[float], limit: float) -> Line:
    return Line("many", what, unit, tuple(values), bound=Bound("value", "≤", limit))


def squeue_calls(bed: Bed) -> int:
    """As slurmctld counts them, from everybody: the other gateways rest."""
    by_type = bed.cluster.admin("sdiag").partition("by message type")[2].partition("by user")[0]
    return sum(map(int, SQUEUE.findall(by_type)))


def info(gateway: Gateway) -> float:
    began = time.perf_counter()
    answer = gateway.client.get("/info")
    took = time.perf_counter() - began
    answer.raise_for_status()
    return 1000 * took


def edit(bed: Bed, gateway: Gateway, entries: list[dict[str, Any]], number: int) -> float:
    """Seconds from the file's change until nginx serves it."""
    bed.say(f"many: edit {number + 1}")
    # A quiet path: asked for, it starts nothing.
    entries[-1]["quiet_paths"] = [f"/edit-{number}"]
    url = f"/{entries[-1]['route_name']}/edit-{number}"
    gateway.write(entries)
    began = time.monotonic()

    def live() -> bool:
        return gateway.client.get(url).status_code == 503  # 404 before

    wait_for("the edit is live", live, 30, pause=0.02)
    return time.monotonic() - began

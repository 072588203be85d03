"""`status --watch`: redrawn in place on a terminal; elsewhere one line for each change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.text import Text

from service_management.cli.gateway_client import Unanswered
from service_management.cli.terminal import note, out, show
from service_management.time_text import clock

INTERVAL = 1.0  # seconds between two questions to the gateway
Look = Callable[[], dict[str, Any]]
Draw = Callable[[dict[str, Any], float], Iterable[Text]]


def watch(look: Look, draw: Draw, pause: float = INTERVAL) -> None:
    """Until Ctrl-C. A gateway that stops answering is asked again."""
    if out.is_terminal:
        _redraw(look, draw, pause)
    else:
        _print_changes(look, pause)


def _redraw(look: Look, draw: Draw, pause: float) -> None:
    info, trouble = look(), ""
    with Live(console=out, auto_refresh=False) as live:
        while True:
            now = time.time()
            foot = Text(trouble or f"{clock(now, now)}; Ctrl-C ends", style="dim")
            lines = [*draw(info, now), foot]
            for line in lines:
                line.no_wrap, line.overflow = True, "ellipsis"
            live.update(Group(*lines), refresh=True)
            time.sleep(pause)
            info, trouble = _ask(look, info)


def _print_changes(look: Look, pause: float) -> None:
    info, trouble = look(), ""
    seen: dict[str, tuple[Any, ...]] = {}
    while True:
        services = {service["route_name"]: service for service in info.get("services", [info])}
        for route, service in services.items():
            if seen.get(route) != _what_counts(service):
                _say(route, f"{service['state']}: {service['text']}")
        for route in seen.keys() - services.keys():
            _say(route, "removed")
        seen = {route: _what_counts(service) for route, service in services.items()}
        time.sleep(pause)
        said = trouble
        info, trouble = _ask(look, info)
        if trouble and trouble != said:
            note(trouble)


def _ask(look: Look, before: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What is new; or what was known, and why there is nothing new."""
    try:
        found = look()
    except Unanswered as error:
        return before, f"{error}; trying again"
    # A control plane that has just started knows the file before it knows the services' states.
    same_file = found.get("config_version") == before.get("config_version")
    if before.get("services") and not found.get("services") and same_file:
        return before, "the control plane is starting"
    return found, ""


def _what_counts(service: dict[str, Any]) -> tuple[Any, ...]:
    """As a change: neither a time that runs nor the number of requests."""
    jobs = tuple((job["job_id"], job["node"], job["slurm_reason"]) for job in service["replicas"])
    return service["state"], service["reason"], jobs, service["cluster_trouble"]


def _say(route: str, text: str) -> None:
    now = time.time()
    show(f"{clock(now, now)}  {route}: {text}")

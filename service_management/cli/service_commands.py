"""The commands about services: they ask the running gateway."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from service_management import settings
from service_management.cli import follow_logs, status_display, wait_for_state, watch_status
from service_management.cli.gateway_client import Gateway
from service_management.cli.terminal import err, out, say, show, silent
from service_management.cli.wait_for_state import Goal

Route = Annotated[str, typer.Argument(help="The service's route_name.")]
Now = Annotated[bool, typer.Option("--now", help="Do not wait for requests in flight.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is done; print each new state.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def status(
    route: Annotated[
        str | None, typer.Argument(help="Only this service, with its job, error and events.")
    ] = None,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show every change, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what every service is doing, why, and what is next."""
    if watch and as_json:
        raise typer.BadParameter("--watch and --json exclude each other")
    gateway = _gateway()
    if watch:
        watch_status.watch(lambda: gateway.info(route or ""), _draw)
    info = gateway.info(route or "")
    if as_json:
        print(json.dumps(info, indent=2))
        return
    status_display.print_lines(_draw(info, time.time()), out)
    status_display.print_lines(status_display.config_error(info), err)


def _draw(info: dict[str, Any], now: float) -> Iterator[Text]:
    """All services or one. Lines that another program reads are not cut."""
    if "services" not in info:
        return status_display.one(info, now)
    limited = out.is_terminal or "COLUMNS" in os.environ
    return status_display.everything(info, now, out.width if limited else None)


def start(route: Route, *, wait: Wait = False, as_json: AsJson = False) -> None:
    """Start a service now. It waits neither for a request nor for the back-off after a failure."""
    _change(route, "start", Goal.READY if wait else None, as_json=as_json)


def stop(route: Route, *, now: Now = False, wait: Wait = False, as_json: AsJson = False) -> None:
    """Stop a service; the next request starts it again. To keep it off, use `disable`."""
    _change(route, "stop", Goal.STOPPED if wait else None, now=now, as_json=as_json)


def restart(route: Route, *, wait: Wait = False, as_json: AsJson = False) -> None:
    """Replace a service's jobs by new ones. The old ones serve until those are ready."""
    _change(route, "restart", Goal.REPLACED if wait else None, as_json=as_json)


def scale(
    route: Route,
    replicas: Annotated[
        int | None, typer.Argument(min=0, max=64, help="How many; without it, as in the file.")
    ] = None,
    *,
    most: Annotated[
        int | None,
        typer.Option("--max", metavar="N", min=1, max=64, help="Let it grow to N under load."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep so many replicas until the next edit of the service's entry."""
    asked = {"min_replicas": replicas, "max_replicas": most}
    numbers = {key: number for key, number in asked.items() if number is not None}
    answer = _gateway().scale(route, numbers)
    if as_json:
        print(json.dumps(answer))
        return
    words = ", ".join(f"{key} {number}" for key, number in numbers.items())
    show(f"{route}: {words or 'min_replicas and max_replicas as in the file'}")


def enable(route: Route, *, as_json: AsJson = False) -> None:
    """Let requests start a service again."""
    _change(route, "enable", as_json=as_json)


def disable(route: Route, *, wait: Wait = False, as_json: AsJson = False) -> None:
    """Stop a service and refuse its requests. It stays so until it is enabled."""
    _change(route, "disable", Goal.STOPPED if wait else None, as_json=as_json)


def abandon(
    route: Route,
    slot: Annotated[
        int, typer.Argument(min=0, help="The replica's slot: 0 if its job's name has s0.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Give up a job whose end the cluster does not report. It must be draining: see `stop`."""
    _change(route, f"replicas/{slot}/abandon", as_json=as_json)


def logs(
    route: Route,
    *,
    lines: Annotated[
        int,
        typer.Option(
            "--lines", "-n", metavar="N", min=1, max=1000, help="How many, 1 to 1000; default 100."
        ),
    ] = 100,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print what it writes, and its next jobs.")
    ] = False,
) -> None:
    """Print the last lines that a service's job wrote, or follow. Ctrl-C ends `--follow`."""
    if follow:
        follow_logs.follow(_gateway(), route, lines)
    else:
        sys.stdout.write(_gateway().logs(route, lines).text)


def _gateway() -> Gateway:
    return Gateway(settings.read())


def _change(
    route: str, verb: str, goal: Goal | None = None, *, now: bool = False, as_json: bool = False
) -> None:
    gateway = _gateway()
    answer = gateway.change(route, verb, now=now)
    if goal is not None:
        reached = wait_for_state.watch(
            lambda: gateway.info(route), goal, silent if as_json else say
        )
        answer = {"service": route, "state": reached}
    if as_json:
        print(json.dumps(answer))
    else:
        show(f"{route}: {answer['state'] or 'removed'}")
    raise typer.Exit(0 if goal is None or answer["state"] in goal.states else 1)

"""`orchestrator`: the operator's command line. Exit code 0: done, 1: failed, 2: wrong usage."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from service_management import __version__, settings
from service_management.catalogue_source import read_catalogue
from service_management.cli import gateway_commands, printed_commands, status_display, user_errors
from service_management.cli.add_command import add
from service_management.cli.gateway_client import Gateway
from service_management.cli.terminal import err, out, say, show, silent
from service_management.cli.wait_for_state import Goal, watch
from service_management.config import Catalogue
from service_management.config import schema as config_schema
from service_management.config import warnings as config_warnings
from service_management.host import tls
from service_management.native.waiting import handle_interruptions

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="ML services that live on a Slurm cluster answer HTTP as if they were always on.",
)

Route = Annotated[str, typer.Argument(help="The service's route_name.", show_default=False)]
Now = Annotated[bool, typer.Option("--now", help="Do not wait for requests in flight.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is done; print each new state.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def main() -> None:
    """An expected error is printed as one sentence, never as a traceback; exit code 1."""
    handle_interruptions()
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except user_errors.EXPECTED as error:
        text = Text("error: ", style="red").append(user_errors.sentence(error), style="default")
        err.print(text, soft_wrap=True)
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


@app.command()
def validate(
    file: Annotated[Path | None, typer.Argument(help="Default: SERVICES_CONFIG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check services_config.json: print every problem, exit 1 if there is one."""
    chosen = settings.read()
    outcome, of_tls = read_catalogue(chosen, file), tls.problems(chosen)
    problems = [*(outcome if isinstance(outcome, list) else []), *of_tls]
    services = outcome.services if isinstance(outcome, Catalogue) else {}
    warnings = list(map(str, config_warnings(services.values())))
    if not of_tls and (expired := tls.warning(chosen)):
        warnings.append(expired)
    if as_json:
        found = [problem.to_json() for problem in problems]
        report = {"valid": not problems, "services": list(services), "problems": found}
        print(json.dumps({**report, "warnings": warnings}))
    else:
        _complain([*map(str, problems), *(f"warning: {text}" for text in warnings)])
        if isinstance(outcome, Catalogue) and not problems:
            show(f"valid: {_count(len(services), 'service')}, version {outcome.version}")
        elif problems:
            place = f"{file or chosen.config_file}{' and the environment' if of_tls else ''}"
            _complain([f"{_count(len(problems), 'problem')} in {place}"])
    raise typer.Exit(1 if problems else 0)


def _complain(lines: list[str]) -> None:
    for line in lines:
        err.print(Text(line), soft_wrap=True)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@app.command()
def schema() -> None:
    """Print the JSON Schema of services_config.json, for editors."""
    print(json.dumps(config_schema(), indent=2))


@app.command()
def status(
    route: Annotated[str | None, typer.Argument(help="Only this service, with its events.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what every service is doing, why, and what happens next."""
    info = _gateway().info(route or "")
    if as_json:
        print(json.dumps(info, indent=2))
    elif route:
        status_display.one(info, out, time.time())
    else:
        status_display.everything(info, out, time.time())
        status_display.config_error(info, err)


@app.command()
def start(route: Route, wait: Wait = False, as_json: AsJson = False) -> None:
    """Start a service now, without waiting for a request or a back-off."""
    _change(route, "start", Goal.READY if wait else None, as_json=as_json)


@app.command()
def stop(route: Route, now: Now = False, wait: Wait = False, as_json: AsJson = False) -> None:
    """Stop a service; the next request starts it again (see `disable`)."""
    _change(route, "stop", Goal.STOPPED if wait else None, now=now, as_json=as_json)


@app.command()
def restart(route: Route, wait: Wait = False, as_json: AsJson = False) -> None:
    """Stop a service when its requests have ended, then start it again."""
    _change(route, "restart", Goal.READY if wait else None, as_json=as_json)


@app.command()
def enable(route: Route, as_json: AsJson = False) -> None:
    """Let requests start a service again."""
    _change(route, "enable", as_json=as_json)


@app.command()
def disable(route: Route, wait: Wait = False, as_json: AsJson = False) -> None:
    """Stop a service and refuse its requests until it is enabled."""
    _change(route, "disable", Goal.STOPPED if wait else None, as_json=as_json)


@app.command()
def logs(
    route: Route,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=1, max=1000, help="Number of lines.")
    ] = 100,
) -> None:
    """Print the last lines that a service's job wrote."""
    sys.stdout.write(_gateway().logs(route, lines))


@app.command()
def sbatch(route: Route) -> None:
    """Print the sbatch command that a start would run on the login node; submit nothing."""
    print(printed_commands.sbatch(settings.read(), route))


@app.command()
def ssh(route: Route) -> None:
    """Print ssh commands that use the gateway's own connection to a service's cluster."""
    lines = printed_commands.ssh(settings.read(), route)
    print(f"# A shell, or one command, through the gateway's own connection:\n{lines['use']}")
    print(f"# Is the connection open?\n{lines['check']}")
    print(
        f"# Open it by hand, if the login asks for a password or a second factor:\n{lines['login']}"
    )


for command in (
    add,
    gateway_commands.up,
    gateway_commands.run,
    gateway_commands.down,
    gateway_commands.upgrade,
    gateway_commands.reload,
):
    app.command()(command)


def _gateway() -> Gateway:
    return Gateway(settings.read())


def _change(
    route: str, verb: str, goal: Goal | None = None, *, now: bool = False, as_json: bool = False
) -> None:
    gateway = _gateway()
    answer = gateway.change(route, verb, now=now)
    if goal is not None:
        reached = watch(lambda: gateway.info(route), goal, silent if as_json else say)
        answer = {"service": route, "state": reached}
    if as_json:
        print(json.dumps(answer))
    else:
        show(f"{route}: {answer['state'] or 'removed'}")
    raise typer.Exit(0 if goal is None or goal.reached(answer["state"]) else 1)

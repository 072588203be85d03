"""`orchestrator`: the operator's command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import requests
import typer
from rich.console import Console
from rich.table import Table

from service_management import settings
from service_management.catalogue import read_catalogue
from service_management.config import Catalogue
from service_management.config import schema as config_schema
from service_management.native import Native, NativeError, make_secrets
from service_management.remote import Gateway, GatewayError
from service_management.settings import ROOT, Settings, SettingsError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="ML services that live on a Slurm cluster answer HTTP as if they were always on.",
)
out, err = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)

Route = Annotated[str, typer.Argument(help="The service's route_name.")]
Now = Annotated[bool, typer.Option("--now", help="Do not wait for requests in flight.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def main() -> None:
    """A user's mistake gets a sentence and exit code 1, never a traceback."""
    try:
        app()
    except (GatewayError, NativeError, SettingsError) as error:
        err.print(f"[red]error:[/red] {error}", highlight=False, markup=True)
        sys.exit(1)


@app.command()
def validate(
    file: Annotated[Path | None, typer.Argument(help="Default: SERVICES_CONFIG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check services_config.json; print every problem, and exit 1 where there is one."""
    chosen = settings.read()
    outcome = read_catalogue(chosen, file)
    if isinstance(outcome, Catalogue):
        if as_json:
            print(json.dumps({"valid": True, "services": list(outcome.services), "problems": []}))
        else:
            out.print(f"valid: {len(outcome.services)} services, version {outcome.version}")
        return
    if as_json:
        problems = [problem.to_json() for problem in outcome]
        print(json.dumps({"valid": False, "problems": problems}, indent=2))
    else:
        for problem in outcome:
            err.print(str(problem), markup=False, highlight=False)
        count = len(outcome)
        err.print(f"{count} problem{'s' if count != 1 else ''} in {file or chosen.config_file}")
    raise typer.Exit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of services_config.json, for editors."""
    print(json.dumps(config_schema(), indent=2))


@app.command()
def status(
    route: Annotated[str | None, typer.Argument(help="One service, with its events.")] = None,
    as_json: AsJson = False,
) -> None:
    """What every service is doing, why, and what happens next."""
    info = _gateway().get(f"/info/{route}" if route else "/info")
    if as_json:
        print(json.dumps(info, indent=2))
    elif route:
        _print_one(info)
    else:
        _print_all(info)


@app.command()
def start(route: Route) -> None:
    """Start a service now, without waiting for a request or a back-off."""
    _change(route, "start")


@app.command()
def stop(route: Route, now: Now = False) -> None:
    """Stop a service; the next request starts it again (see disable)."""
    _change(route, "stop", now=now)


@app.command()
def restart(route: Route) -> None:
    """Stop a service once nothing is in flight, then start it anew."""
    _change(route, "restart")


@app.command()
def enable(route: Route) -> None:
    """Let requests start a service again."""
    _change(route, "enable")


@app.command()
def disable(route: Route) -> None:
    """Stop a service and refuse its requests until it is enabled."""
    _change(route, "disable")


@app.command()
def logs(
    route: Route,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=1000, help="How many.")] = 100,
) -> None:
    """The last lines that a service's job wrote."""
    sys.stdout.write(_gateway().text(f"/admin/services/{route}/logs?lines={lines}"))


@app.command()
def up() -> None:
    """Run nginx and the control plane on this machine, under a supervisor."""
    made = make_secrets(ROOT / ".env", ROOT / ".env_template")
    if made:
        _say(f"made {' and '.join(made)} in .env")
    Native(settings.read()).up(_say)


@app.command()
def down(
    keep_jobs: Annotated[bool, typer.Option(help="Leave jobs running; `up` adopts them.")] = False,
) -> None:
    """Cancel all jobs, then stop nginx, the control plane and its SSH connections."""
    native = Native(settings.read())
    if native.running() and not keep_jobs:
        native.stop_jobs(_say)
    native.down(_say)
    _say("stopped")


def _say(text: str) -> None:
    out.print(f"[cyan]•[/cyan] {text}", highlight=False)


def _gateway() -> Gateway:
    return Gateway(_chosen(), requests.Session())


def _chosen() -> Settings:
    return settings.read()


def _change(route: str, verb: str, *, now: bool = False) -> None:
    path = f"/admin/services/{route}/{verb}" + ("?now=1" if now else "")
    answer = _gateway().post(path)
    out.print(f"{route}: {answer.get('state') or 'removed'}", highlight=False)


def _print_all(info: dict[str, Any]) -> None:
    table = Table("service", "route", "state", "job", "in flight", "what happens", "next")
    for service in info["services"]:
        table.add_row(*_row(service))
    out.print(table)
    if info["config_error"]:
        err.print("[red]The configuration file is not valid; the last valid one stays in use:")
        err.print(info["config_error"]["text"], markup=False, highlight=False)


def _row(service: dict[str, Any]) -> list[str]:
    job = service["replicas"][0] if service["replicas"] else {}
    where = f"{job.get('job_id') or '…'} {job.get('node') or ''}" if job else "–"
    inflight = "?" if service["inflight"] is None else str(service["inflight"])
    words = [service["name"], service["route_name"], service["state"], where, inflight]
    return [*words, service["text"], service["next"]]


def _print_one(service: dict[str, Any]) -> None:
    for key in ("name", "route_name", "state", "reason", "text", "next", "inflight", "held"):
        out.print(f"{key:12}", service[key], markup=False, highlight=False)
    for replica in service["replicas"]:
        out.print(f"{'job':12}", json.dumps(replica), markup=False, highlight=False)
    if service["last_error"]:
        out.print(f"{'last error':12}", service["last_error"]["text"], markup=False)
        for line in service["last_error"]["output"]:
            out.print("            |", line, markup=False, highlight=False)
    for event in service["events"]:
        out.print(f"{'event':12}", json.dumps(event, ensure_ascii=False), markup=False)


if __name__ == "__main__":
    main()

"""`python -m demo up|status|down`."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from demo.cluster import Cluster, Options, down, up
from demo.spec import DEFAULT_DIRECTORIES, DemoError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A real Slurm cluster behind a real sshd, on this machine, for trying things out.",
)
messages = Console(stderr=True)


class ShapeName(StrEnum):
    """host: everything on this host's loopback. hosts: a login and three nodes as namespaces."""

    host = "host"
    hosts = "hosts"


ShapeOption = Annotated[
    ShapeName,
    typer.Option(help="host: all on loopback; hosts: own namespaces, a login and three nodes."),
]
DirOption = Annotated[
    Path | None,
    typer.Option("--dir", help="Everything of the cluster lives here; default: by shape."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("up")
def up_command(  # noqa: PLR0913, PLR0917 - one parameter per option
    shape: ShapeOption = ShapeName.host,
    directory: DirOption = None,
    ssh_port: Annotated[int | None, typer.Option(help="Port of the cluster's sshd.")] = None,
    user: Annotated[str | None, typer.Option(help="Name of the login user to create.")] = None,
    export_key: Annotated[
        Path | None,
        typer.Option(help="Directory for demo_key and demo_host_key, which outlive `down`."),
    ] = None,
    listen: Annotated[
        str, typer.Option(help="Address of sshd in the shape host; 0.0.0.0: every one.")
    ] = "127.0.0.1",
    as_json: JsonOption = False,
) -> None:
    """Start the cluster, or what is missing of it. Quick if it is up already."""
    options = Options(ssh_port, user, export_key, listen)
    with _in_plain_words():
        cluster = up(shape.value, directory, _progress, options)
        _show(cluster, as_json)


@app.command("status")
def status_command(
    shape: ShapeOption = ShapeName.host,
    directory: DirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Daemons, nodes and jobs. Exit code 1 if any part of the cluster is down."""
    with _in_plain_words():
        cluster = Cluster.load(directory or DEFAULT_DIRECTORIES[shape.value])
        _show(cluster, as_json)
    if not all(cluster.daemon_states().values()):
        raise typer.Exit(1)


@app.command("down")
def down_command(
    shape: ShapeOption = ShapeName.host,
    directory: DirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel its jobs, stop its daemons, remove its user, namespaces and files."""
    place = directory or DEFAULT_DIRECTORIES[shape.value]
    with _in_plain_words():
        down(place, _progress)
    if as_json:
        print(json.dumps({"directory": str(place), "up": False}))


def _progress(line: str) -> None:
    messages.print(f"[dim]demo[/dim]  {escape(line)}", highlight=False)


def _show(cluster: Cluster, as_json: bool) -> None:
    facts = _facts(cluster)
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for key, value in facts.items():
        text = value if isinstance(value, str) else json.dumps(value)
        table.add_row(f"[bold]{key}[/bold]", escape(text))
    Console(soft_wrap=True).print(table)


def _facts(cluster: Cluster) -> dict[str, Any]:
    ssh = f"ssh -F /dev/null -i {cluster.key_file} -p {cluster.ssh_port}"
    return {
        "shape": cluster.spec.shape,
        "directory": str(cluster.spec.directory),
        "ssh": f"{ssh} {cluster.ssh_user}@{cluster.ssh_host}",
        "ssh_host": cluster.ssh_host,
        "ssh_port": cluster.ssh_port,
        "ssh_user": cluster.ssh_user,
        "key_file": str(cluster.key_file),
        "host_key": cluster.host_key,
        "nodes": [node.name for node in cluster.spec.nodes],
        "daemons": cluster.daemon_states(),
        "jobs": _jobs(cluster),
    }


def _jobs(cluster: Cluster) -> list[dict[str, str]] | str:
    try:
        return cluster.jobs()
    except DemoError as error:
        return f"unknown: {error}"


@contextmanager
def _in_plain_words() -> Iterator[None]:
    """Errors end with a sentence and exit code 1, without a traceback."""
    try:
        yield
    except DemoError as error:
        messages.print(f"[red]demo[/red]  {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        messages.print("[red]demo[/red]  interrupted: what this call started is gone again")
        raise typer.Exit(130) from None


def main() -> None:
    # `kill` asks for the same clean end as Ctrl-C; a script's background job ignores SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    app()


if __name__ == "__main__":
    main()

"""`orchestrator`: the operator's command line. Exit code 0: done, 1: failed, 2: wrong usage.

A command's module is imported when the command runs, so `--help` and `status` do not wait for the
store, for SSH or for the checks of the configuration. `tests/local/test_cli_imports.py` names what
they may not load.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from service_management import __version__
from service_management.cli.command_table import CommandGroup
from service_management.native.waiting import handle_interruptions

# Heading → name → where it is, and what `--help` says of it: the first sentence of its docstring.
COMMANDS = {
    "Services": {
        "status": ("service_commands", "Show what every service is doing, why, and what is next"),
        "check": ("check_command", "Try a cold start step by step, and say what is wrong"),
        "start": ("service_commands", "Start a service now"),
        "stop": ("service_commands", "Stop a service; the next request starts it again"),
        "restart": ("service_commands", "Replace a service's jobs by new ones"),
        "scale": ("service_commands", "Keep so many replicas until the next edit"),
        "enable": ("service_commands", "Let requests start a service again"),
        "disable": ("service_commands", "Stop a service and refuse its requests"),
        "abandon": ("service_commands", "Give up a job whose end the cluster does not report"),
        "logs": ("service_commands", "Print the last lines that a service's job wrote, or follow"),
    },
    "Configuration": {
        "add": ("add_command", "Add a service: ask for what is not given, and write its entry"),
        "validate": ("config_commands", "Check services_config.json and print every problem"),
        "schema": ("config_commands", "Print the JSON Schema of services_config.json"),
    },
    "Gateway": {
        "up": ("gateway_commands", "Run nginx and the control plane, under a supervisor"),
        "run": ("gateway_commands", "Like `up`, but in the foreground"),
        "down": ("gateway_commands", "Cancel all jobs, then stop the gateway"),
        "upgrade": ("gateway_commands", "Restart the control plane with the installed code"),
        "reload": ("gateway_commands", "Have nginx load a renewed certificate"),
    },
    "By hand": {
        "sbatch": ("printed_commands", "Print the sbatch command of a start; submit nothing"),
        "ssh": ("printed_commands", "Print ssh commands for the gateway's connection to a cluster"),
    },
}


class Orchestrator(CommandGroup):
    table = COMMANDS


app = typer.Typer(
    cls=Orchestrator,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="ML services that live on a Slurm cluster answer HTTP as if they were always on.",
)


def main() -> None:
    """An expected error is printed as one sentence, never as a traceback; exit code 1."""
    handle_interruptions()
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        from service_management.cli import terminal, user_errors  # noqa: PLC0415 - see the top

        text = user_errors.sentence(error)
        if text is None:
            raise
        terminal.fail(text)


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

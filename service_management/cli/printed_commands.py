"""The commands that `orchestrator sbatch` and `orchestrator ssh` print, to be run by hand."""

from __future__ import annotations

import os
import secrets
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from service_management import settings
from service_management.catalogue_source import read_catalogue
from service_management.config import Catalogue
from service_management.config.config_problem import nearest
from service_management.controller.executor import submission
from service_management.controller.job_spec import JobSpec
from service_management.host import layout
from service_management.lifecycle.replica import Job
from service_management.settings import Settings
from service_management.slurm.job_names import job_name
from service_management.slurm.sbatch import submit_command
from service_management.ssh.login import Login
from service_management.ssh.openssh.openssh_backend import OpenSshBackend
from service_management.ssh.openssh.ssh_config import LOGIN, SHARED, LoginFiles


class NotPossible(Exception):
    """There is no command to print; the text says why."""


Route = Annotated[str, typer.Argument(help="The service's route_name.")]


def sbatch(route: Route) -> None:
    """Print the sbatch command of a start; submit nothing."""
    print(sbatch_line(settings.read(), route))


def ssh(route: Route) -> None:
    """Print ssh commands for the gateway's connection to a cluster."""
    lines = ssh_lines(settings.read(), route)
    print(f"# A shell, or one command, through the gateway's own connection:\n{lines['use']}")
    print(f"# Is the connection open?\n{lines['check']}")
    print(
        f"# Open it by hand, if the login asks for a password or a second factor:\n{lines['login']}"
    )


def sbatch_line(chosen: Settings, route: str) -> str:
    """The command that the next start would run on the login node. With the values of `env`: the
    reader can read the configuration file anyway."""
    spec = _spec(chosen, route)
    name = job_name(chosen.identity, route, 0, secrets.token_hex(4))
    job = Job(name, spec.choose_port(), 0.0)
    env = [shlex.quote(f"{name}={value}") for name, value in spec.env]
    command = submit_command(submission(replace(spec, env=()), job))
    return " ".join([*(["env", *env] if env else []), command])


def ssh_lines(chosen: Settings, route: str) -> dict[str, str]:
    """Three command lines: to use the gateway's connection, to open it, to check it."""
    config = _config_file(chosen, _spec(chosen, route).login)
    base = f"ssh -F {shlex.quote(str(config))}"
    asking = "-o BatchMode=no -o PreferredAuthentications=publickey,keyboard-interactive,password"
    return {
        "use": f"{base} {SHARED}",
        "login": f"{base} {asking} -M -N -f {LOGIN}",
        "check": f"{base} -O check {SHARED}",
    }


def _config_file(chosen: Settings, login: Login) -> Path:
    """The gateway writes it at the first login, and never with paramiko. Only the gateway's user
    may write it here: another user's file and directory would be closed to the gateway."""
    run_dir = chosen.run_dir
    made = LoginFiles.of(login, run_dir, chosen.state_dir).config
    if made.exists():
        return made
    if not run_dir.exists() or run_dir.stat().st_uid != os.geteuid():
        raise NotPossible(
            f"The gateway has not made {made} yet: start it (./start.cmd), and run this as "
            "its user, or after the first request for the service"
        )
    backend = OpenSshBackend(run_dir, chosen.state_dir, layout.socket_mask(chosen))
    return backend.connection(login).config_file


def _spec(chosen: Settings, route: str) -> JobSpec:
    outcome = read_catalogue(chosen)
    if not isinstance(outcome, Catalogue):
        problems = "\n".join(map(str, outcome))
        raise NotPossible(f"{chosen.config_file} is not valid:\n{problems}")
    if route not in outcome.services:
        near = nearest(route, list(outcome.services))
        hint = f" Did you mean {near!r}?" if near else ""
        raise NotPossible(f"No service in {chosen.config_file} has the route {route!r}.{hint}")
    return JobSpec.of(outcome.services[route], chosen.key_dir)

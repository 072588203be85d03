"""`orchestrator check`: goes the way of a cold start, and says of each step what is wrong."""

from __future__ import annotations

import json
import secrets
from typing import Annotated

import typer

from service_management.catalogue_source import read_catalogue
from service_management.cli.check_gateway import GatewayStart
from service_management.cli.check_login import check_login, gateway_connection
from service_management.cli.check_own_job import ROUTE_SUFFIX, OwnJob
from service_management.cli.check_report import (
    ENTRY,
    CheckStep,
    Report,
    print_progress,
    print_step,
)
from service_management.cli.check_script import check_start
from service_management.cli.check_service import RunningJob, check_service
from service_management.cli.gateway_client import Gateway
from service_management.cli.gateway_commands import as_owner
from service_management.cli.terminal import show, silent
from service_management.config import Catalogue, Service
from service_management.config.config_problem import nearest
from service_management.controller.job_spec import JobSpec
from service_management.controller.socket_paths import sockets
from service_management.host import layout, lock, loopback
from service_management.lifecycle.replica import Job
from service_management.native import supervisor
from service_management.native.control_plane import info
from service_management.native.waiting import NativeError, clear_interruption
from service_management.settings import Settings
from service_management.slurm.client import SlurmClient
from service_management.slurm.job_names import job_name
from service_management.slurm.start_checks import StartChecks
from service_management.ssh.connection import Connection

ANOTHER_CHECK = "another `orchestrator check` is trying a job: it holds {}"


def check(
    route: Annotated[str, typer.Argument(help="The service's route_name.", show_default=False)],
    *,
    no_start: Annotated[
        bool, typer.Option("--no-start", help="Only the steps that need no job.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the service running; needs the gateway.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Try a cold start step by step, and say what is wrong and what to do."""
    flags = {"--no-start": no_start, "--keep": keep, "--json": as_json}
    chosen = as_owner("check", route, *(name for name, given in flags.items() if given))
    report = Report(_ignore, silent) if as_json else Report(print_step, print_progress)
    _Check(chosen, route, report, keep=keep).run(start=not no_start)
    verdict = _verdict(route, report, no_start=no_start)
    if as_json:
        print(json.dumps(report.to_json(route, verdict)))
    else:
        show(verdict)
    raise typer.Exit(1 if report.failed else 0)


def _ignore(_step: CheckStep) -> None: ...


def _verdict(route: str, report: Report, *, no_start: bool) -> str:
    if report.failed:
        return f"{route} does not work: {', '.join(dict.fromkeys(report.failed))} failed"
    warned = f" ({report.warnings} to look at)" if report.warnings else ""
    if no_start:
        return f"{route}: nothing is wrong so far{warned}; without --no-start it is started"
    return f"{route} works{warned}"


class _Check:
    def __init__(self, chosen: Settings, route: str, report: Report, *, keep: bool) -> None:
        self.chosen, self.route, self.report, self.keep = chosen, route, report, keep

    def run(self, *, start: bool) -> None:
        catalogue = self._catalogue()
        if catalogue is None:
            return
        service = catalogue.services[self.route]
        spec = JobSpec.of(service, self.chosen.key_dir)
        up = _gateway_runs(self.chosen)
        if self.keep and not up:
            raise NativeError("--keep needs a running gateway: the check's own job always ends")
        route = self.route if up else self.route + ROUTE_SUFFIX
        name = job_name(self.chosen.identity, route, 0, secrets.token_hex(4))
        job = Job(name, spec.choose_port(), 0.0, spec.dump(), token=spec.choose_token())
        with gateway_connection(self.chosen, spec.login, up=up) as (connection, logged_in):
            if not check_login(self.report, connection, logged_in=logged_in):
                return
            check_start(self.report, StartChecks(connection), spec, job)
            if self.report.failed or not start:
                return
            if up:
                self._through_gateway(catalogue, service, spec, connection)
            else:
                self._with_own_job(service, spec, job, connection)

    def _catalogue(self) -> Catalogue | None:
        """Valid, and with the service in it."""
        file, found = self.chosen.config_file, read_catalogue(self.chosen)
        if not isinstance(found, Catalogue):
            for problem in found:
                self.report.fail(ENTRY, str(problem))
            return None
        if self.route not in found.services:
            near = nearest(self.route, list(found.services))
            hint = f"did you mean {near}?" if near else "orchestrator add"
            self.report.fail(ENTRY, f"{file} has no service with the route {self.route}", hint)
            return None
        self.report.ok(ENTRY, f"{file} is valid, and has the service")
        name = found.services[self.route].name
        for warning in found.warnings:
            if warning.service == name or warning.service.startswith(f"{name} ("):
                self.report.warn(ENTRY, str(warning))
        return found

    def _through_gateway(
        self, catalogue: Catalogue, service: Service, spec: JobSpec, connection: Connection
    ) -> None:
        start = GatewayStart(Gateway(self.chosen), self.route, self.report)
        if not start.is_served(catalogue.version):
            return
        try:
            if seen := start.start():
                replica = seen["replicas"][0]
                job = Job(replica["job_name"], replica["port"], 0.0, spec.dump())
                socket = sockets(self.chosen.run_dir, job).quiet
                running = RunningJob(replica["job_id"], replica["node"], job.port, socket)
                client = SlurmClient(connection)
                self._check_running(client, running, service)
        finally:
            clear_interruption()
            if not self.keep:
                start.stop()

    def _check_running(self, client: SlurmClient, job: RunningJob, service: Service) -> None:
        path, script = service.check_health_path, service.bash_file
        check_service(self.report, client, job, path, script)

    def _with_own_job(
        self, service: Service, spec: JobSpec, job: Job, connection: Connection
    ) -> None:
        socket = sockets(self.chosen.run_dir, job).main
        own = OwnJob(service, spec, job, connection, self.report, socket)
        self.report.progress("the gateway is not running: the check submits a job itself")
        with lock.hold(self.chosen.run_dir / "ssh" / "check.lock", ANOTHER_CHECK):
            try:
                if running := own.start():
                    self._check_running(own.client, running, service)
            finally:
                clear_interruption()
                own.end()


def _gateway_runs(chosen: Settings) -> bool:
    """Then it is the one that starts jobs, also where it does not answer at the moment."""
    answers = info(loopback.control_plane(chosen)) is not None
    if answers and not layout.control_socket(chosen).exists():
        raise NativeError(
            f"the gateway that answers at {chosen.gateway_url} runs in another place, such as a "
            "container: run this there (docker exec ml_service_management orchestrator check ...)"
        )
    return answers or supervisor.running_pid(chosen) is not None

"""The native run: a process supervisor (supervisord) keeps nginx and the control plane running."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from service_management.atomic_files import write_private
from service_management.catalogue_source import last_catalogue, read_catalogue
from service_management.config import Catalogue
from service_management.gateway import foreground, nginx_program
from service_management.gateway.nginx import Nginx
from service_management.gateway.process_table import is_running
from service_management.gateway.render import GatewayRefused
from service_management.host import layout, ports, tls
from service_management.native import orphan_jobs, supervisor
from service_management.native.control_plane import cancel_jobs, wait_until_healthy
from service_management.native.waiting import NativeError, Say, clear_interruption, wait
from service_management.settings import Settings
from service_management.ssh.openssh.openssh_backend import OpenSshBackend
from service_management.store import Store, refuse_newer

STOP_SECONDS, KILL_SECONDS = 30.0, 5.0


class Native:
    def __init__(self, chosen: Settings, say: Say) -> None:
        self.chosen, self._say = chosen, say
        self.nginx = Nginx(layout.gateway_settings(chosen))

    def running(self) -> bool:
        return supervisor.running_pid(self.chosen) is not None

    # -- up -------------------------------------------------------------------------

    def up(self, environment: Mapping[str, str]) -> None:
        if self.running():
            self._say("the gateway is already running")
            wait_until_healthy(self.chosen, self._say)
            return
        self._check()
        try:
            self._start(environment)
            wait_until_healthy(self.chosen, self._say)
        except KeyboardInterrupt:
            clear_interruption()
            self._say("interrupted: taking down what was started")
            self.down()
            raise
        except Exception:
            self.end_processes()
            raise

    def _check(self) -> None:
        """Report now what would otherwise show up in a log after a minute."""
        for program in ("nginx", "ssh"):
            if not shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
                raise NativeError(
                    f"{program} is not installed: run ./start.cmd, which installs it, or install "
                    "the packages nginx-light and openssh-client"
                )
        if missing := nginx_program.missing_modules():
            raise NativeError(missing)
        self.end_processes()  # left by a supervisor that was killed
        self._check_tls()
        places = self.nginx.settings.listen
        hosts = [place.rpartition(":")[0].strip("[]") or "0.0.0.0" for place in places]  # noqa: S104 - tried, not kept
        for name, host, port in (
            *(("NGINX_PORT", host, self.chosen.listen_port) for host in hosts),
            ("ML_SERVICE_FLASK_PORT", "127.0.0.1", self.chosen.flask_port),
        ):
            if error := ports.complaint(host, port):
                text = ports.sentence(host, port, error)
                raise NativeError(f"{text}; free it, or choose another {name} in .env")

    def _check_tls(self) -> None:
        if found := tls.problems(self.chosen):
            raise NativeError("\n".join(map(str, found)))
        if said := tls.warning(self.chosen):
            self._say(said)

    def run(self, environment: Mapping[str, str], also: Path | None) -> NoReturn:
        """For a container or systemd, which restarts it. Its jobs continue meanwhile."""
        if self.running():
            raise NativeError("the gateway is already running here")
        self._check()
        self._prepare()
        text = supervisor.foreground_config(self.chosen, self._nginx_command(), also)
        write_private(supervisor.config_file(self.chosen), text)
        self._say(f"starting nginx and the control plane at port {self.chosen.listen_port}")
        supervisor.become(self.chosen, environment)

    def _prepare(self) -> None:
        layout.prepare(self.chosen)
        supervisor.log_dir(self.chosen).mkdir(parents=True, exist_ok=True)
        store = Store(self.chosen.database_url)  # a refused store is reported here, not in a log
        found = read_catalogue(self.chosen)
        catalogue = found if isinstance(found, Catalogue) else last_catalogue(store)
        store.close()
        # With the configured services: nginx would answer 404 until the control plane is up.
        try:
            self.nginx.ensure_config(catalogue)
        except GatewayRefused:
            self.nginx.ensure_config()  # the control plane reports what is wrong with it

    def _start(self, environment: Mapping[str, str]) -> None:
        self._prepare()
        self._configure_supervisor()
        self._say("starting nginx and the control plane")
        if output := supervisor.start(supervisor.config_file(self.chosen), environment):
            raise NativeError(f"supervisord did not start: {output}")

    def reload(self) -> None:
        if not self.nginx.master.pid():
            raise NativeError("nginx is not running here: start it with `orchestrator up`")
        self._check_tls()
        self.nginx.reload()

    def upgrade(self) -> None:
        """Restart the control plane with the installed code; nginx and ssh keep running."""
        if not self.running():
            raise NativeError("no gateway is running here: start one with `orchestrator up`")
        # What the new version would refuse is refused while the old one still runs.
        if missing := nginx_program.missing_modules():
            raise NativeError(missing)
        layout.close_state_dir(self.chosen.state_dir)
        refuse_newer(self.chosen.database_url)
        if not supervisor.in_foreground(self.chosen):
            self._configure_supervisor()
        self._say("restarting the control plane; requests continue")
        if output := supervisor.restart_control_plane(self.chosen):
            raise NativeError(f"supervisord did not restart it: {output}")
        wait_until_healthy(self.chosen, self._say)

    def _configure_supervisor(self) -> None:
        text = supervisor.config(self.chosen, self._nginx_command())
        write_private(supervisor.config_file(self.chosen), text)

    def _nginx_command(self) -> tuple[str, ...]:
        return foreground.command(self.nginx.settings.error_log, self.nginx.argv())

    # -- down -----------------------------------------------------------------------

    def down(self, *, keep_jobs: bool = False) -> None:
        """Leave nothing on this machine and, unless `keep_jobs`, no job on a cluster."""
        if self.running() and not keep_jobs:
            cancel_jobs(self.chosen, self._say)
        stays = self.running() and supervisor.in_foreground(self.chosen)
        if stays:
            self._say("stopping nginx and the control plane")
            supervisor.stop_programs(self.chosen)
        else:
            self.end_processes()
        left = [] if keep_jobs else self._cancel_left()
        OpenSshBackend(self.chosen.run_dir, self.chosen.state_dir).close_all()
        if not stays:
            layout.remove_run_dir(self.chosen)
        if left:
            raise NativeError("stopped here, but not on the cluster.\n" + "\n".join(left))

    def _cancel_left(self) -> list[str]:
        place = self.chosen.database_url.partition("sqlite:///")[2]
        if place and not os.path.exists(place):  # noqa: PTH110 - a part of a URL
            return []
        return [str(left) for left in orphan_jobs.cancel(self.chosen, self._say)]

    def end_processes(self) -> None:
        pid = supervisor.running_pid(self.chosen)
        if pid is not None:
            self._say("stopping nginx and the control plane")
            self._end(pid, signal.SIGTERM, STOP_SECONDS)
        for stray, polite in supervisor.stray_processes(self.chosen, self.nginx).items():
            self._say(f"ending process {stray}, which was left behind by a killed supervisor")
            self._end(stray, polite, KILL_SECONDS)

    def _end(self, pid: int, polite: signal.Signals, seconds: float) -> None:
        for how in (polite, signal.SIGKILL):
            _signal(pid, how)
            if wait(lambda: not is_running(pid), seconds, f"process {pid} to end", self._say):
                return


def _signal(pid: int, how: signal.Signals) -> None:
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return
    except PermissionError:
        raise NativeError(
            f"process {pid} belongs to another user: run this as the user who ran `up`"
        ) from None

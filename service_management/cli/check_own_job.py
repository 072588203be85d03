"""A start while the gateway does not run: a job of the check's own, which is always cancelled.

1. Its name has this gateway's prefix and no service's route: a gateway that comes up meanwhile, and
   `orchestrator down`, cancel it; none adopts it.
2. Slurm ends it soon after startup_timeout, in case this process is killed.
3. The next check of the route cancels what a killed one left behind; a lock keeps two apart.

A job of the service that was kept when the gateway ended is looked at instead, and left running.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service_management.cli.check_follow import JobFollower
from service_management.cli.check_report import START, Report
from service_management.cli.check_service import RunningJob
from service_management.config import Service
from service_management.controller.executor import submission
from service_management.controller.job_spec import JobSpec
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.lifecycle.replica import Job
from service_management.native.waiting import wait
from service_management.slurm.client import SlurmClient
from service_management.slurm.job_names import parse_job_name
from service_management.slurm.outcomes import Accepted, Unknown
from service_management.slurm.sbatch import without_values
from service_management.slurm.start_checks import StartChecks
from service_management.ssh.connection import Connection
from service_management.ssh.errors import ClusterError

ROUTE_SUFFIX = "+check"  # after the route, in the job's name: no route has a plus sign
MARGIN = 120.0  # seconds after startup_timeout at which Slurm ends the job
FOUND_WITHIN, GONE_WITHIN, POLL = 30.0, 60.0, 0.5


@dataclass
class OwnJob:
    service: Service
    spec: JobSpec
    job: Job  # as it is submitted
    connection: Connection
    report: Report
    socket: Path  # of the tunnel to it
    _submitted: bool = False
    _job_id: str = ""

    def __post_init__(self) -> None:
        self.client = SlurmClient(self.connection)
        self._follower = JobFollower(
            self.service, self.spec.bash_file, self.connection, self.client, self.report
        )

    def start(self) -> RunningJob | None:
        views = self.client.queue()
        if isinstance(views, Unknown):
            self.report.fail(START, views.message)
            return None
        self._cancel_left_behind(views)
        for kept in self._named(views, self.service.route_name):
            return self._follow_kept(kept.job_id)
        if not self._submit():
            return None
        view = self._follower.until_running(self._job_id)
        if view is None:
            return None
        return self._follower.until_healthy(view, self.job.port, self.socket, self.job.token)

    def end(self) -> None:
        """Whatever happened before: its job does not outlive the check."""
        with suppress(ClusterError):
            self.connection.close_tunnel(self.socket)
        job_id = (self._job_id or self._find()) if self._submitted else ""
        if not job_id:
            return
        self.client.cancel([job_id])
        say = self.report.progress
        if wait(lambda: self._has_ended(job_id), GONE_WITHIN, f"job {job_id} to end", say, POLL):
            say(f"job {job_id} is cancelled")
        else:
            self.report.fail("cancel", f"job {job_id} has not ended yet", f"scancel {job_id} there")

    def _submit(self) -> bool:
        wanted = submission(self.spec, self.job)
        self._submitted = True
        outcome = self.client.submit(wanted)
        if isinstance(outcome, Accepted):
            self._job_id = outcome.job_id
        elif isinstance(outcome, Unknown):
            self.report.progress(outcome.message)
            self._job_id = self._find()
        else:
            self._submitted = False
            self.report.fail(START, without_values(outcome.message, wanted))
            return False
        if not self._job_id:
            self.report.fail(START, "it is not known whether the job was submitted", "try again")
            return False
        minutes = math.ceil((self.service.startup_timeout + MARGIN) / 60)
        StartChecks(self.connection).shorten(self._job_id, minutes)
        self.report.progress(f"job {self._job_id}, named {self.job.name}, is submitted")
        return True

    def _find(self) -> str:
        """Its id, where the answer of sbatch was lost."""

        def look() -> str:
            found = self.client.find([self.job.name])
            view = None if isinstance(found, Unknown) else found[self.job.name]
            return view.job_id if view else ""

        return wait(look, FOUND_WITHIN, "Slurm to show the job", self.report.progress, POLL)

    def _follow_kept(self, job_id: str) -> RunningJob | None:
        self.report.progress(f"job {job_id} of the service was kept: no other is submitted")
        port = self.client.submitted_port(job_id)
        if not isinstance(port, int):
            text = port.message if isinstance(port, Unknown) else "Slurm does not show its port"
            self.report.fail(START, text, "orchestrator up: the gateway takes the job over")
            return None
        view = self._follower.until_running(job_id)
        return self._follower.until_healthy(view, port, self.socket, "") if view else None

    def _cancel_left_behind(self, views: Sequence[JobView]) -> None:
        left = [view.job_id for view in self._named(views, self.service.route_name + ROUTE_SUFFIX)]
        if left:
            self.report.progress(f"cancelling what a killed check left behind: {', '.join(left)}")
            self.client.cancel(left)

    def _named(self, views: Sequence[JobView], route: str) -> list[JobView]:
        """This gateway's jobs with the route, unless they are over."""
        prefix = self.job.name.partition(".")[0]
        alive = [one for one in views if one.phase in (JobPhase.WAITING, JobPhase.RUNNING)]
        names = [(one, parse_job_name(one.name)) for one in alive]
        return [one for one, name in names if name and (name.prefix, name.route) == (prefix, route)]

    def _has_ended(self, job_id: str) -> bool:
        return isinstance(self.client.post_mortem(job_id), JobEnd)

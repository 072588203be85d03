"""Follows a job of the service until it is ready, while the gateway does not run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from service_management.cli.check_report import START, Report
from service_management.cli.check_service import RunningJob
from service_management.config import Service
from service_management.controller.health_check import probe
from service_management.controller.socket_looks import SocketLooks
from service_management.lifecycle.events import Health
from service_management.lifecycle.failure_text import how_it_ended
from service_management.lifecycle.findings import Finding, Saw, sentence
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.lifecycle.states import Reason
from service_management.slurm.client import SlurmClient
from service_management.slurm.outcomes import StillThere, Unknown
from service_management.slurm.reasons import explain_pending
from service_management.ssh.connection import Connection
from service_management.ssh.errors import ClusterError

POLL, END_EVERY = 0.5, 3.0  # seconds


@dataclass
class JobFollower:
    service: Service
    bash_file: str
    connection: Connection
    client: SlurmClient
    report: Report
    _looks: SocketLooks = field(default_factory=SocketLooks)
    _said: str = ""

    def until_running(self, job_id: str) -> JobView | None:
        end = time.monotonic() + self.service.queue_timeout
        while time.monotonic() < end:
            found = self.client.post_mortem(job_id)
            if isinstance(found, JobEnd):
                self._report_end(found)
                return None
            if isinstance(found, StillThere) and found.view.phase is JobPhase.RUNNING:
                return found.view
            self._say(_waiting(found))
            time.sleep(POLL)
        self.report.fail(START, f"it was not started within queue_timeout: {self._said}")
        return None

    def until_healthy(
        self, view: JobView, port: int, socket: Path, token: str
    ) -> RunningJob | None:
        """Through a tunnel that stays open."""
        job = RunningJob(view.job_id, view.node, port, socket, token)
        self._say(f"starting: job {job.job_id} is running on {job.node}")
        if trouble := self._open_tunnel(job):
            self.report.fail(START, trouble)
            return None
        return job if self._watch(job) else None

    def _open_tunnel(self, job: RunningJob) -> str:
        address = self.client.node_address(job.node)
        if isinstance(address, Unknown):
            return address.message
        try:
            self.connection.open_tunnel(job.socket, address, job.port)
        except ClusterError as error:
            return error.text
        return ""

    def _watch(self, job: RunningJob) -> bool:
        began = time.monotonic()
        ended_at = began
        while (now := time.monotonic()) < began + self.service.startup_timeout:
            check = probe(job.socket, self.service.check_health_path, job.token)
            if check.health is Health.HEALTHY:
                self.report.ok(START, f"job {job.job_id} on {job.node} is ready")
                return True
            if now >= ended_at + END_EVERY:
                ended_at = now
                found = self.client.post_mortem(job.job_id)
                if isinstance(found, JobEnd):
                    self._report_end(found)
                    return False
            if check.finding:
                finding = self._with_sockets(job, check.finding)
                self._say(f"starting: {sentence(finding, job.node, job.port, now - began)}")
            time.sleep(POLL)
        self._report_given_up(job)
        return False

    def _with_sockets(self, job: RunningJob, finding: Finding) -> Finding:
        """Rarely: each look is a step on the cluster."""
        place = (job.job_id, job.node)
        if finding.saw is not Saw.REFUSED:
            return finding
        if self._looks.due(place, str(self.connection.login), time.monotonic()):
            found = self.client.job_sockets(job.job_id, job.node, job.port)
            if not isinstance(found, Unknown):
                self._looks.note(place, found)
        return replace(finding, listening=self._looks.seen(place))

    def _report_given_up(self, job: RunningJob) -> None:
        """With a last look: the job still runs."""
        check = probe(job.socket, self.service.check_health_path, job.token)
        finding = check.finding or Finding(Saw.SILENT, self.service.check_health_path)
        sockets = self.client.job_sockets(job.job_id, job.node, job.port)
        if finding.saw is Saw.REFUSED and not isinstance(sockets, Unknown):
            finding = replace(finding, listening=sockets)
        written = self.client.output(job.job_id, 30)
        self.report.fail(
            START,
            f"it was not healthy within startup_timeout: {sentence(finding, job.node, job.port)}",
            output=() if isinstance(written, Unknown) else tuple(written.text.splitlines()),
        )

    def _report_end(self, end: JobEnd) -> None:
        full = self.client.with_output(end, self.bash_file)
        self.report.fail(START, how_it_ended(full, Reason.ENDED_AT_START), output=full.output)

    def _say(self, text: str) -> None:
        if text != self._said:
            self.report.progress(text)
        self._said = text


def _waiting(found: StillThere | Unknown) -> str:
    if isinstance(found, Unknown):
        return found.message
    view = found.view
    if view.phase is not JobPhase.WAITING:
        return f"{view.phase.value}: Slurm says {view.state}"
    why = f": {explain_pending(view.reason)}" if view.reason else ""
    return f"queued: job {view.job_id} is waiting in Slurm's queue{why}"

"""Whether a running job is the service: who listens on its node, what its health path answers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from service_management.cli.check_report import Report
from service_management.controller.health_check import Check, probe
from service_management.lifecycle.events import Health
from service_management.lifecycle.failure_text import how_it_ended
from service_management.lifecycle.findings import Finding, Listening, Saw, sentence
from service_management.lifecycle.job_views import JobEnd, JobPhase
from service_management.lifecycle.states import Reason
from service_management.slurm.client import SlurmClient
from service_management.slurm.outcomes import StillThere, Unknown

LISTENING, HEALTH = "listening", "health"


@dataclass(frozen=True)
class RunningJob:
    """A job of the service that runs, and a tunnel to its port."""

    job_id: str
    node: str
    port: int
    socket: Path
    token: str = ""  # its health answers have to show it

    @property
    def place(self) -> str:
        return f"{self.node}:{self.port}"


def check_service(
    report: Report, client: SlurmClient, job: RunningJob, health_path: str, bash_file: str
) -> None:
    began = time.monotonic()
    answer = probe(job.socket, health_path, job.token)
    took = time.monotonic() - began
    # A server that its script left in the background may answer for a while, in no job.
    if over := _over(client, job, bash_file):
        report.fail(LISTENING, over)
        return
    _report_listening(report, client, job, answer)
    if answer.health is Health.HEALTHY:
        report.ok(HEALTH, f"GET {health_path} answers 2xx in {1000 * took:.0f} ms")
    elif answer.finding:
        report.fail(HEALTH, sentence(answer.finding, job.node, job.port))
    else:
        report.fail(HEALTH, f"there is no tunnel to {job.place}")


def _over(client: SlurmClient, job: RunningJob, bash_file: str) -> str:
    """How the job ended; empty if it has not."""
    found = client.post_mortem(job.job_id)
    if isinstance(found, JobEnd):
        return how_it_ended(client.with_output(found, bash_file), Reason.ENDED_AT_START)
    if isinstance(found, StillThere) and found.view.phase is JobPhase.ENDING:
        return f"job {job.job_id} is ending: Slurm says {found.view.state}"
    return ""


def _report_listening(report: Report, client: SlurmClient, job: RunningJob, answer: Check) -> None:
    """What answers is not on the wrong address: a job on the login node itself can be reached on
    127.0.0.1, and Docker publishes the port of a container as root."""
    sockets = client.job_sockets(job.job_id, job.node, job.port)
    owners = client.listeners(job.job_id, job.node, job.port)
    if isinstance(sockets, Unknown) or isinstance(owners, Unknown):
        unknown = sockets if isinstance(sockets, Unknown) else owners
        text = unknown.message if isinstance(unknown, Unknown) else ""
        report.warn(LISTENING, f"cannot be seen on this cluster: {text}")
        return
    here = [one for one in sockets if one.port == job.port]
    if owners.strangers:
        text = sentence(Finding(Saw.STRANGER, ""), job.node, job.port)
        report.fail(LISTENING, text, 'use "remote_port": "auto"')
    elif any(not one.loopback for one in here) or answer.health is Health.HEALTHY:
        who = f"job {job.job_id} listens on {_joined(sockets)}" if here else "root listens there"
        report.ok(LISTENING, f"{who}, on {job.node}")
    else:
        finding = Finding(Saw.REFUSED, "", listening=sockets)
        report.fail(LISTENING, sentence(finding, job.node, job.port))


def _joined(sockets: tuple[Listening, ...]) -> str:
    return ", ".join(map(str, sockets))

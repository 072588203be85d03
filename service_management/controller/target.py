"""The job that an action is about, and how to reach it."""

from __future__ import annotations

from dataclasses import dataclass

from service_management.controller.job_spec import JobSpec
from service_management.controller.workers import LoginWorker
from service_management.lifecycle.replica import Job


@dataclass(frozen=True)
class Target:
    route: str
    job: Job
    spec: JobSpec
    worker: LoginWorker
    health_path: str
    ready: bool  # and published: a probe's answer may wait for the next pass

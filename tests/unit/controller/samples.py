"""Configured services, and records of services that have a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from service_management.config import Service
from service_management.controller.job_spec import JobSpec
from service_management.lifecycle.record import Job, Record
from service_management.lifecycle.states import State
from tests.unit.config.samples import service

KEY_DIR = Path("/keys")


def configured(route: str = "digits", **keys: Any) -> Service:
    return service(**{"route_name": route, "name": route, **keys})


def with_job(route: str, state: State, since: float, **keys: Any) -> Record:
    spec = JobSpec.of(configured(route, **keys), KEY_DIR)
    job = Job(f"io.{route}.0.8080.n1", 8080, since, spec.dump(), job_id="7", node="n1")
    return Record(route, state, since, job=job)

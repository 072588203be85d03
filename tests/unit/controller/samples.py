"""Configured services, records of services that have a job, and what the controller is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from service_management.config import Catalogue, Service
from service_management.controller.inbox import CatalogueLive, QueueAnswer
from service_management.controller.job_spec import JobSpec
from service_management.lifecycle.job_views import JobPhase, JobView
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, State
from tests.unit.config.samples import service
from tests.unit.records import a_record

KEY_DIR = Path("/keys")


def configured(route: str = "digits", **keys: Any) -> Service:
    return service(**{"route_name": route, "name": route, **keys})


def a_job(route: str, since: float, slot: int = 0, **keys: Any) -> Job:
    """It runs, and was submitted as the service with these keys says."""
    spec = JobSpec.of(configured(route, **keys), KEY_DIR)
    name, port, job_id = f"io.{route}.s{slot}.n{slot + 1}", 8080 + slot, str(7 + slot)
    return Job(name, port, since, spec.dump(), job_id=job_id, node="n1")


def with_job(route: str, state: State, since: float, **keys: Any) -> ServiceRecord:
    return a_record(route, state, since, job=a_job(route, since, **keys))


def with_jobs(route: str, since: float, *states: State, **keys: Any) -> ServiceRecord:
    """With one replica in each of these states."""
    replicas = [
        Replica(route, slot, a_job(route, since, slot, **keys), Phase(state.value), since)
        for slot, state in enumerate(states)
    ]
    return ServiceRecord(route, tuple(replicas), demand=any(one.live for one in replicas))


LOGIN = JobSpec.of(configured(), KEY_DIR).login


def line(name: str, job_id: str, phase: JobPhase = JobPhase.RUNNING) -> JobView:
    return JobView(job_id, name, phase.name, phase)


def answer(*views: JobView, asked_at: float, login_id: str = LOGIN.id) -> QueueAnswer:
    return QueueAnswer(login_id, views, asked_at)


def live(*services: Service) -> CatalogueLive:
    return CatalogueLive(Catalogue.of(services))

"""Endpoints, fields of /info and metrics: the tables and the code have the same ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from service_management.api import info
from service_management.api.flask_app import Parts, create_app
from service_management.api.metrics.service_metrics import exposition
from service_management.api.problems import KINDS, NOT_READY, about
from service_management.config import Problem, Service
from service_management.controller.job_spec import JobSpec
from service_management.controller.snapshot import ServiceSnapshot, Snapshot
from service_management.gateway.spool_guard import SpoolLevel
from service_management.lifecycle.record import Failure, ServiceRecord
from service_management.lifecycle.replica import Job
from service_management.lifecycle.states import Reason, State
from service_management.ssh.call_counts import LOGINS
from service_management.store import LogEntry
from service_management.usage.totals import ServiceUsage, UsageTotals
from tests.docs.pages import ROOT, first_column, read, rows, section
from tests.unit.records import a_record, changed

HTTP, ERRORS = "docs/http.md", "docs/errors.md"
SERVICE = Service.model_validate(
    {
        "name": "Documented",
        "ssh_username": "jo",
        "ssh_key_file": "id_cluster",
        "remote_host": "login.example.org",
        "remote_port": 8080,
        "bash_file": "run.sh",
        "check_health_path": "/health",
        "timeout": 60,
        "route_name": "documented",
        "api_paths": ["/"],
    }
)


JOB = Job("io.documented.s0.a", 1, 1.0, JobSpec.of(SERVICE, Path("/keys")).dump(), submitted_at=2.0)


def view(state: State = State.QUEUED) -> ServiceSnapshot:
    """Queued after a failure, or failed: everything that can be shown is there."""
    failure = Failure(1.0, Reason.ENDED_AT_START, "the job ended", output=("last words",))
    job = Job("io.documented.s0.a", 1, 1.0)
    record = a_record("documented", state, job=job, last_failure=failure)
    return ServiceSnapshot(SERVICE, record, 0, 0, "")


def fields(heading: str) -> set[str]:
    return set(first_column(HTTP, heading))


def test_the_endpoints_are_flasks_and_nginxs_own() -> None:
    nothing = cast(Any, None)  # routes only: nothing is asked
    app = create_app(Parts(Snapshot(), *[nothing] * 4, "", most_held=1))
    served = {("GET", "/healthz/nginx")}
    for rule in app.url_map.iter_rules():
        methods = cast(set[str], rule.methods) - {"HEAD", "OPTIONS"}
        served |= {
            (method, path)
            for method in methods
            for path in _spelt_out(rule.rule.replace("path:", ""))
        }
    inner = {(method, path) for method, path in served if path.startswith("/_")}
    endpoints = [(row[0], row[1].strip("`")) for row in rows(section(HTTP, "Endpoints"))]
    assert endpoints[0] == ("any", "/<route_name>/<api path>")
    assert set(endpoints[1:]) == served - inner
    assert "/healthz/nginx" in (ROOT / "nginx/generation.conf.j2").read_text()


def _spelt_out(rule: str) -> list[str]:
    """`<any(a, b):x>` → one path for each."""
    choice = re.search(r"<any\(([^)]+)\):\w+>", rule)
    if choice is None:
        return [rule]
    return [rule.replace(choice[0], word.strip()) for word in choice[1].split(",")]


def test_every_path_that_nginx_passes_to_flask_is_an_endpoint() -> None:
    source = (ROOT / "nginx/snippets/gateway_paths.conf").read_text()
    passed = re.findall(r"proxy_pass http://control_plane(/\S*);", source)
    endpoints = [row[1].strip("`") for row in rows(section(HTTP, "Endpoints"))]
    assert all(any(path.startswith(prefix) for path in endpoints) for prefix in passed)


def test_the_fields_of_info_are_documented_and_no_others() -> None:
    assert fields("All services") == info.everything(Snapshot(), 0.0).keys()
    details = info.details(view(), [], 0.0)
    assert fields("One service") == details.keys()
    assert fields("A replica") == details["replicas"][0].keys()
    assert fields("A last error") == details["last_error"].keys()
    assert fields("An event") == LogEntry.__dataclass_fields__.keys()


def test_the_fields_of_a_config_error_are_documented() -> None:
    snapshot = Snapshot()
    snapshot.config_error = (Problem(service="x", key="k", value="v", rule="r"),)
    error = cast(dict[str, Any], info.everything(snapshot, 0.0)["config_error"])
    (row,) = [row for row in rows(section(HTTP, "All services")) if row[0] == "`config_error`"]
    assert all(f"`{name}`" in row[1] for name in (*error, *error["problems"][0]))


def test_the_members_of_a_problem_are_documented_and_no_others() -> None:
    members = {"type", "title", "status", "detail", *about(view(State.FAILED))}
    members |= {"place", "waiting"}
    (table,) = [read(ERRORS).partition("## Errors of the control plane")[0]]
    documented = {word for row in rows(table) for word in re.findall(r"`(\w+)`", row[0])}
    assert documented == members
    assert NOT_READY in KINDS


def full_exposition() -> str:
    """/metrics with a sample of every metric."""
    snapshot = Snapshot()
    snapshot.services = {"documented": SERVICE}
    submitted = changed(view().record, job=JOB, reason=Reason.SUBMITTING)
    snapshot.start_counters.note(ServiceRecord("documented"), submitted)
    snapshot.start_counters.note(submitted, changed(submitted, ready_since=9.0))
    snapshot.records = {"documented": submitted}
    for counts in (snapshot.calls, LOGINS):
        counts.add("jo@login:22", "login", failed=True)
    usage = UsageTotals({"documented": ServiceUsage({"200": 1})})
    spool = SpoolLevel(free=1, size=2)
    return exposition(snapshot, usage, spool).decode()


def test_the_metrics_are_documented_with_their_labels() -> None:
    families = text_string_to_metric_families(full_exposition())
    made = {
        _name_in_exposition(family): set(family.samples[0].labels) - {"le"} for family in families
    }
    table = {
        row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1]))
        for row in rows(section(HTTP, "Metrics"))
    }
    assert table == made


def _name_in_exposition(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def test_the_access_logs_fields_are_documented() -> None:
    source = (ROOT / "nginx/snippets/log.conf").read_text()
    logged = set(re.findall(r'"(\w+)":"?\$', source))
    assert logged
    assert logged <= set(re.findall(r"`(\w+)`", section(HTTP, "nginx's logs")))

"""What an edit of the file does: only what its key asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service_management.config import KEYS, Service
from service_management.config.models import JOB_FIELDS, ROUTE_FIELDS
from service_management.controller.job_spec import JobSpec
from service_management.gateway.service_view import ServiceView, view
from tests.unit.config.samples import KEY_DIR, catalogue, digits, file_of, service

OLD = service()

# One other value per key, and which kind of change it is.
EDITS: dict[str, tuple[Any, set[str]]] = {
    "name": ("Ziffern", {"route"}),
    "ssh_username": ("al", {"job"}),
    "ssh_key_file": ("id_2", {"job"}),
    "remote_host": ("login2", {"job"}),
    "remote_port": ("auto", {"job"}),
    "bash_file": ("/run2.sh", {"job"}),
    "check_health_path": ("/healthz", {"route"}),
    "timeout": (5, {"settings"}),
    "api_paths": (["/"], {"route"}),
    "local_host": ("0.0.0.0", {"route"}),
    "local_port": (9999, {"route"}),
    "hold_timeout": (5, {"route"}),
    "startup_timeout": (5, {"settings"}),
    "queue_timeout": (5, {"settings"}),
    "max_ssh_connections": (2, {"settings"}),
    "min_replicas": (1, {"settings"}),
    "max_replicas": (2, {"route"}),
    "target_inflight": (2, {"settings"}),
    "max_inflight": (2, {"route"}),
    "affinity": ("user", {"route"}),
    "scale_down_delay": (5, {"settings"}),
    "schedule": ([{"from": "08:00", "to": "18:00", "min_replicas": 1}], {"settings"}),
    "sbatch_args": (["-H"], {"job"}),
    "env": ({"A": "1"}, {"job"}),
    "ssh_port": (2222, {"job"}),
    "ssh_connections": (2, {"route"}),
    "proxy_jump": ("gate", {"job"}),
    "known_hosts_file": ("known", {"job"}),
    "request_timeout": (5, {"route"}),
    "max_body": (5, {"route"}),
    "quiet_paths": ([], {"route"}),
    "access_log": ("full", {"route"}),
    "keepalive": (False, {"route"}),
    "verify": ("token", {"job"}),
}


def test_every_key_is_of_some_kind() -> None:
    assert EDITS.keys() == KEYS.keys() - {"route_name"}


def nginx_sees(edited: Service) -> ServiceView:
    return view(edited, Path("/run/io"))


@pytest.mark.parametrize("key", EDITS)
def test_an_edit_changes_only_what_its_key_documents(key: str) -> None:
    value, kinds = EDITS[key]
    edited = service(**{key: value})
    assert (JobSpec.of(edited, KEY_DIR) != JobSpec.of(OLD, KEY_DIR)) == ("job" in kinds)
    assert (key in JOB_FIELDS, key in ROUTE_FIELDS) == ("job" in kinds, "route" in kinds)
    if "route" not in kinds:
        assert nginx_sees(edited) == nginx_sees(OLD)


def test_another_spelling_is_no_change() -> None:
    one = catalogue(file_of(digits(max_body="100MB"))).services["digits"]
    assert one == catalogue(file_of(digits())).services["digits"]


def test_explicit_default_quiet_paths_change_nothing_in_nginx() -> None:
    assert nginx_sees(service(quiet_paths=["/health", "/metrics"])) == nginx_sees(OLD)

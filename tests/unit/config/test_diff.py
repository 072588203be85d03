"""What a live reload has to do: only what the edit asks for."""

from __future__ import annotations

from typing import Any

import pytest

from service_management.config import KEYS, Changes, diff
from tests.unit.config.samples import catalogue, digits, file_of, other

OLD = catalogue(file_of(digits(), other()))

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
    "min_replicas": (1, {"settings"}),
    "max_replicas": (2, {"route"}),
    "target_inflight": (2, {"settings"}),
    "sbatch_args": (["-H"], {"job"}),
    "env": ({"A": "1"}, {"job"}),
    "ssh_port": (2222, {"job"}),
    "ssh_connections": (2, {"route"}),
    "proxy_jump": ("gate", {"job"}),
    "known_hosts_file": ("known", {"job"}),
    "request_timeout": (5, {"route"}),
    "max_body": (5, {"route"}),
    "quiet_paths": ([], {"route"}),
}


def test_every_key_is_of_some_kind() -> None:
    assert EDITS.keys() == KEYS.keys() - {"route_name"}


@pytest.mark.parametrize("key", EDITS)
def test_an_edit_touches_only_its_service_and_only_what_depends_on_it(key: str) -> None:
    value, kinds = EDITS[key]
    changes = diff(OLD, catalogue(file_of(digits(**{key: value}), other())))
    expected = {f"{kind}_changed": ("digits",) for kind in kinds}
    assert changes == Changes(**expected)
    assert changes


def test_another_order_or_another_spelling_is_no_change() -> None:
    assert not diff(OLD, catalogue(file_of(other(timeout=600.0), digits(max_body="100MB"))))


def test_services_come_and_go_and_a_new_route_is_another_service() -> None:
    new = catalogue(file_of(digits(route_name="numbers"), other()))
    assert diff(OLD, new) == Changes(added=("numbers",), removed=("digits",))


def test_one_edit_can_change_both_job_and_route() -> None:
    new = catalogue(file_of(digits(bash_file="/x.sh", max_body=1), other()))
    assert diff(OLD, new) == Changes(job_changed=("digits",), route_changed=("digits",))


def test_quiet_paths_spelled_out_as_by_default_change_no_route() -> None:
    new = catalogue(file_of(digits(quiet_paths=["/health", "/metrics"]), other()))
    assert diff(OLD, new) == Changes(settings_changed=("digits",))

"""Files that are fine, and what they become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service_management.config import KEYS, Service, load
from tests.unit.config.good_values import GOOD
from tests.unit.config.samples import (
    DIGITS,
    KEY_DIR,
    catalogue,
    digits,
    file_of,
    other,
    service,
)


@pytest.mark.parametrize(("key", "value", "becomes"), GOOD)
def test_a_good_value_is_taken(key: str, value: Any, becomes: Any) -> None:
    taken = getattr(service(**{key: value}), key)
    assert taken == becomes
    assert type(taken) is type(becomes)


def test_a_file_of_the_twelve_keys_gets_every_default() -> None:
    made = service().model_dump()
    assert len(DIGITS) == 12
    defaults = {key: entry.default for key, entry in KEYS.items() if key not in DIGITS}
    assert {key: made[key] for key in defaults} == defaults
    assert made["max_body"] == 100_000_000
    assert made["queue_timeout"] == 3600


def test_a_service_survives_being_stored_and_read_again() -> None:
    for key, value, _ in GOOD:
        made = service(**{key: value})
        assert Service.model_validate_json(made.model_dump_json()) == made


def test_services_are_keyed_by_route_in_the_order_of_the_file() -> None:
    assert list(catalogue(file_of(other(), digits())).services) == ["text", "digits"]


def test_no_services_and_a_schema_for_the_editor_are_valid() -> None:
    assert not catalogue('{"$schema": "services_config.schema.json", "Services": []}').services


def test_two_services_may_share_a_login_and_its_port() -> None:
    assert len(catalogue(file_of(digits(), other())).services) == 2


def test_one_port_on_two_addresses_is_fine() -> None:
    pairs = [("127.0.0.1", "127.0.0.2"), ("0.0.0.0", "::"), ("0.0.0.0", "::1")]
    for one, two in pairs:
        catalogue(file_of(digits(local_host=one), other(local_host=two, local_port=9001)))


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "services_config.json"
    path.write_text("\ufeff" + file_of(digits()), encoding="utf-8")
    assert load(path, key_dir=KEY_DIR, check_files=False) == catalogue(file_of(digits()))


def test_the_version_depends_on_the_contents_alone() -> None:
    version = catalogue(file_of(digits())).version
    same = [digits(timeout=600.0), digits(check_health_path="health"), digits(hold_timeout=120)]
    assert {catalogue(file_of(entry)).version for entry in same} == {version}
    assert catalogue(file_of(digits(timeout=601))).version != version


def test_quiet_paths_are_health_and_metrics_unless_given() -> None:
    assert service(check_health_path="h?x=1").effective_quiet_paths == ("/h", "/metrics")
    assert service(check_health_path="metrics").effective_quiet_paths == ("/metrics",)
    assert service(quiet_paths=[]).effective_quiet_paths == ()


def test_the_whole_service_is_a_slash_or_a_slash_and_star() -> None:
    assert service(api_paths=["/"]).whole_service
    assert service(api_paths=["/*"]).whole_service
    assert not service(api_paths=["/", "/predict"]).whole_service

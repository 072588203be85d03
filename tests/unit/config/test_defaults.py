""" "Defaults": keys for every service that lacks them."""

from __future__ import annotations

from service_management.config import Service
from service_management.config.keyfiles import FileFault
from tests.unit.config.samples import DIGITS, catalogue, digits, file_of, other, problems

LOGIN = {key: DIGITS[key] for key in ("ssh_username", "ssh_key_file", "remote_host")}
WITHOUT_LOGIN = dict.fromkeys(LOGIN, ...)


def first(text: str) -> Service:
    return next(iter(catalogue(text).services.values()))


def test_defaults_fill_in_what_a_service_lacks() -> None:
    text = file_of(digits(**WITHOUT_LOGIN), Defaults={**LOGIN, "max_body": "1MB"})
    assert first(text).max_body == 1_000_000
    assert first(text).remote_host == LOGIN["remote_host"]


def test_a_services_own_key_wins_as_a_whole() -> None:
    defaults = {"env": {"A": "1", "B": "2"}, "timeout": 5, "proxy_jump": "gate"}
    made = first(file_of(digits(env={"A": "3"}, proxy_jump=None), Defaults=defaults))
    assert made.env == {"A": "3"}
    assert made.timeout == 600
    assert made.proxy_jump is None


def test_a_default_address_serves_only_services_with_a_port() -> None:
    defaults = {"local_host": "0.0.0.0"}
    services = digits(local_host=...), other(local_host=..., local_port=...)
    made = catalogue(file_of(*services, Defaults=defaults)).services
    assert [made[route].local_host for route in made] == ["0.0.0.0", None]


def test_keys_that_identify_a_service_cannot_be_defaults() -> None:
    defaults = {"name": "x", "route_name": "x", "local_port": 1}
    assert problems(file_of(digits(), Defaults=defaults)) == [
        f"Defaults: {key}{value}: must be given per service, not in Defaults"
        for key, value in [("name", ' = "x"'), ("route_name", ' = "x"'), ("local_port", " = 1")]
    ]


def test_bad_defaults_are_reported_once_and_not_as_missing() -> None:
    services = digits(timeout=...), other(timeout=...)
    defaults = {"timeout": "600", "tiemout": 1, "colour": "red"}
    assert problems(file_of(*services, Defaults=defaults)) == [
        'Defaults: timeout = "600": must be a number of seconds, more than 0 '
        "and at most 2592000 (30 days) (nearest valid: 600)",
        "Defaults: tiemout: unknown key (nearest valid: timeout)",
        "Defaults: colour: unknown key",
    ]


def test_a_misspelt_defaults_is_read_all_the_same() -> None:
    text = file_of(digits(**WITHOUT_LOGIN), defaults={**LOGIN, "ssh_port": 0})
    assert [line.partition(" = ")[0] for line in problems(text)] == [
        "(file): defaults: unknown key (nearest valid: Defaults)",
        "Defaults: ssh_port",
    ]


def test_a_default_clashing_with_a_key_is_the_services_problem() -> None:
    assert problems(file_of(digits(max_replicas=1), Defaults={"min_replicas": 2})) == [
        "Digits: min_replicas = 2: must not be more than max_replicas, which is 1 "
        "(nearest valid: 1)"
    ]


def test_an_unreadable_default_key_is_one_problem() -> None:
    services = digits(ssh_key_file=...), other(ssh_key_file=...)
    text = file_of(*services, Defaults={"ssh_key_file": "id.pub"})
    found = problems(
        text, check_files=True, readable=lambda key, path: FileFault(f"{key}: no {path}", ("id",))
    )
    assert found == [
        'Defaults: ssh_key_file = "id.pub": ssh_key_file: no /keys/id.pub (nearest valid: "id")'
    ]


def test_keys_given_twice_in_defaults_are_named() -> None:
    text = file_of(digits(), Defaults={"ssh_port": 22}).replace(
        '"ssh_port": 22', '"ssh_port": 22, "ssh_port": 23'
    )
    assert problems(text) == ["Defaults: ssh_port: is given more than once in one object"]

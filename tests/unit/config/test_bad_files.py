"""Files that are wrong as a whole, or in how their parts go together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service_management.config import load
from tests.unit.config.samples import KEY_DIR, digits, file_of, found_in, other, problems

RESERVED = "admin, favicon.ico, healthz, info, metrics, robots.txt, static"

NOT_JSON = [
    ("", "line 1, column 1: is not JSON: the file is empty"),
    (
        "{",
        "line 1, column 2: is not JSON: expecting property name enclosed in double quotes",
    ),
    (
        '{"Services": [],}',
        "line 1, column 17: is not JSON: a comma before the closing }",
    ),
    (
        '{"Services": [\n  // none\n]}',
        "line 2, column 3: is not JSON: comments are not allowed",
    ),
    (
        "{'Services': []}",
        "line 1, column 2: is not JSON: strings need double quotes",
    ),
    (
        '{"Services": []} x',
        "line 1, column 18: is not JSON: extra data",
    ),
    ("[" * 5000, "line 1, column 17: must not be nested deeper than 16 levels"),
    ('{"a":' * 20 + "1" + "}" * 20, "line 1, column 81: must not be nested deeper than 16 levels"),
    ('{"Services": ' + "9" * 5000 + "}", "line 1, column 14: has a number of too many digits"),
]

WRONG_SHAPE = [
    ("[]", '(file): []: must be an object, as in {"Services": [ … ]}'),
    ("null", '(file): null: must be an object, as in {"Services": [ … ]}'),
    ("{}", "(file): Services: must be given"),
    ('{"Services": {}}', "(file): Services = {}: must be a list of services"),
    ('{"Services": [3]}', "Services[0]: 3: must be an object of keys"),
    ('{"Services": [], "Defaults": []}', "(file): Defaults = []: must be an object of keys"),
    ('{"Services": [], "$schema": 1}', "(file): $schema = 1: must be a string"),
    ('{"services": []}', "(file): services: unknown key (nearest valid: Services)"),
    (
        '{"Services": [], "default": {}}',
        "(file): default: unknown key (nearest valid: Defaults)",
    ),
    ('{"Services": [], "Version": 2}', "(file): Version: unknown key"),
    (
        '{"Services": [], "Services": []}',
        "(file): Services: is given more than once in one object",
    ),
]

TOGETHER = [
    (
        [digits(local_host=...)],
        'Digits: local_host: must be given together with local_port (nearest valid: "127.0.0.1")',
    ),
    ([digits(local_port=...)], "Digits: local_port: must be given together with local_host"),
    (
        [digits(min_replicas=3, max_replicas=2)],
        "Digits: min_replicas = 3: must not be more than max_replicas, which is 2 "
        "(nearest valid: 2)",
    ),
    (
        [digits(), other(route_name="digits")],
        'Text: route_name = "digits": must be unique; it is already the route of Digits '
        '(nearest valid: "digits-2")',
    ),
    (
        [digits(), other(local_port=9001)],
        "Text: local_port = 9001: must be free; Digits already has 127.0.0.1 port 9001",
    ),
    (
        [digits(local_host="0.0.0.0"), other(local_port=9001)],
        "Text: local_port = 9001: must be free; Digits already has 0.0.0.0 port 9001",
    ),
    (
        [digits(local_host="localhost"), other(local_port=9001)],
        "Text: local_port = 9001: must be free; Digits already has 127.0.0.1 port 9001",
    ),
    (
        [digits(local_port=8090)],
        "Digits: local_port = 8090: must not be one of the gateway's own ports",
    ),
    (
        [digits(route_name="healthz")],
        f'Digits: route_name = "healthz": must not be one of the gateway\'s own paths: {RESERVED} '
        '(nearest valid: "healthz-service")',
    ),
]


@pytest.mark.parametrize(("text", "expected"), NOT_JSON, ids=lambda value: ascii(value)[:30])
def test_a_json_error_is_reported_with_its_place(text: str, expected: str) -> None:
    assert list(map(str, found_in(text))) == [expected]


@pytest.mark.parametrize(("text", "expected"), WRONG_SHAPE)
def test_what_is_json_but_no_such_file(text: str, expected: str) -> None:
    assert problems(text) == [expected]


@pytest.mark.parametrize(("services", "expected"), TOGETHER)
def test_what_does_not_go_together(services: list[object], expected: str) -> None:
    assert problems(file_of(*services), gateway_ports=frozenset({8090})) == [expected]


def test_every_missing_key_is_listed() -> None:
    assert problems('{"Services": [{}]}') == [
        f"Services[0]: {key}: must be given" for key in digits(local_host=..., local_port=...)
    ]


def test_a_misspelt_key_is_not_also_reported_as_missing() -> None:
    assert problems(file_of(digits(timeout=..., tiemout=30))) == [
        "Digits: tiemout: unknown key (nearest valid: timeout)"
    ]


def test_all_problems_of_all_services_come_in_one_run() -> None:
    text = json.dumps(
        {"services": [digits(timeout="600", ssh_port=0), other(api_paths=[], x=1), 5]}
    )
    assert [line.partition(" = ")[0] for line in problems(text)] == [
        "(file): services: unknown key (nearest valid: Services)",
        "Digits: timeout",
        "Digits: ssh_port",
        "Text: api_paths",
        "Text: x: unknown key",
        "Services[2]: 5: must be an object of keys",
    ]


def test_options_of_sbatch_among_the_keys_come_as_one_list() -> None:
    """With those that the service has already, or else those of Defaults, which they replace."""
    wrong = {"gpus": 1, "mem": "8G"}
    services = digits(**wrong), other(**wrong, sbatch_args="-p cpu"), other(route_name="c", **wrong)
    found = found_in(file_of(*services, Defaults={"sbatch_args": ["--partition=gpu"]}))
    mine, default = '"-p", "cpu"', '"--partition=gpu"'
    proposed = [each.suggestion for each in found if each.key in wrong]
    assert proposed == [
        f'"sbatch_args": [{before}, "--gpus=1", "--mem=8G"]'
        for before in (default, default, mine, mine, default, default)
    ]


def test_a_bad_value_is_not_held_against_the_others() -> None:
    text = file_of(digits(max_replicas="4", min_replicas=2), other(local_host="nowhere"))
    assert [line.partition(" = ")[0] for line in problems(text)] == [
        "Digits: max_replicas",
        "Text: local_host",
    ]


def test_keys_given_twice_are_named_where_they_are() -> None:
    text = file_of(digits(env={"A": "1"})).replace('"A": "1"', '"A": "1", "A": "2"')
    text = text.replace('"timeout": 600', '"timeout": 600, "timeout": 700')
    assert problems(text) == [
        "Digits: timeout: is given more than once in one object",
        "Digits: env.A: is given more than once in one object",
    ]


def test_a_service_is_called_by_name_or_route_or_place() -> None:
    bad = {"max_body": 0}
    services = [digits(**bad), digits(**bad), digits(name=..., **bad), {}]
    labels = [
        line.partition(": max_body")[0]
        for line in problems(file_of(*services))
        if "max_body" in line
    ]
    assert labels == ["Digits (Services[0])", "Digits (Services[1])", "digits"]
    assert any(line.startswith("Services[3]: ") for line in problems(file_of(*services)))


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "services_config.json"
    missing = load(path, key_dir=KEY_DIR)
    path.write_bytes(b'{"Services": "\xff"}')
    latin = load(path, key_dir=KEY_DIR)
    assert isinstance(missing, list)
    assert isinstance(latin, list)
    assert [str(missing[0]), str(latin[0])] == [
        f"(file): {path}: cannot be read: No such file or directory",
        f"line 1, column 15: {path}: must be UTF-8, which its byte 15 is not",
    ]

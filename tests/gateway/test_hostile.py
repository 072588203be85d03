"""Any catalogue is refused at rendering or accepted by nginx; nothing is injected."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service_management.config import Catalogue, Service
from service_management.gateway.nginx import Nginx
from service_management.gateway.render import RenderRefused, render
from tests.gateway.gateway import Gateway
from tests.gateway.services import service

PIECES = [";", "}", "{", "$", "${host}", "$(id)", '"', "'", "\\", "\n", "\r", "\0", "#", " ", "\t"]
PIECES += ["/", "../", "%2e", "%0a", "%", "*", "/*", "?", "é", "\u2028", "\ud800", "~", "^~ ", "= "]
PIECES += ["return 200;", "@ready_x", "internal", "a", "x" * 300, "[", "]", ":", "0", "-", "."]
TEXT = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
PATHS = st.lists(TEXT.map("/".__add__) | TEXT, max_size=4).map(tuple)
NUMBERS = st.sampled_from(
    [0, 1, -1, 10**30, 0.5, 1e-9, float("inf"), float("nan"), None, "1", True]
)
ROUTES = TEXT | st.sampled_from(["info", "_e", "A", "a.b", "a~b", "flask", "x" * 63])
HOSTILE = st.fixed_dictionaries(
    {},
    optional={
        "name": TEXT,
        "route_name": ROUTES,
        "api_paths": PATHS,
        "quiet_paths": PATHS,
        "check_health_path": TEXT,
        "request_timeout": NUMBERS,
        "hold_timeout": NUMBERS,
        "max_body": NUMBERS,
        "local_host": TEXT | st.sampled_from(["127.0.0.1", "::1", "[::1]", "::1%lo", None]),
        "local_port": st.sampled_from([None, 0, 9, 65536, True, "9", -1]),
    },
)


def _hostile(changes: dict[str, Any], number: int) -> Service:
    """Past all validation."""
    plain = {**service(f"svc{number}", "/x").__dict__, **changes}
    return Service.model_construct(**plain)


def _catalogue(*services: Service) -> Catalogue:
    """Not Catalogue.of: that would not even take the values."""
    return Catalogue({each.route_name: each for each in services}, "hostile")


@pytest.fixture(scope="module")
def idle() -> Iterator[Gateway]:
    gateway = Gateway()
    yield gateway
    gateway.stop()


def _passes(idle: Gateway, services: list[Service]) -> bool:
    """`apply` without a running nginx is `nginx -t` and a switch."""
    idle.nginx.apply(render(_catalogue(*services), idle.settings))
    return True


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(HOSTILE, min_size=10, max_size=30))
def test_a_hostile_service_is_refused_or_harmless(
    idle: Gateway, hostile: list[dict[str, Any]]
) -> None:
    rendered = []
    for number, changes in enumerate(hostile):
        candidate = _hostile(changes, number)
        try:
            render(_catalogue(candidate), idle.settings)
        except RenderRefused as refusal:
            assert str(refusal)
        else:
            # An address belongs to one service: the others are rendered without.
            rendered.append(candidate.model_copy(update={"local_port": None} if rendered else {}))
    assert _passes(idle, rendered)


# Possessive throughout: a line that does not match must not be tried in every other way.
DIRECTIVE = re.compile(r'\s*+(?:(?:"(?:[^"\\]|\\.)*+"|[^\s;{}"])++\s*+)++[;{]|\s*+}|\s*+#.*|\s*+')


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(HOSTILE)
def test_a_value_never_adds_a_directive(idle: Gateway, hostile: dict[str, Any]) -> None:
    try:
        files = render(_catalogue(_hostile(hostile, 0)), idle.settings)
    except RenderRefused:
        return
    for name, text in files.items():
        if name.startswith(("services/", "http/")):
            assert all(DIRECTIVE.fullmatch(line) for line in text.split("\n")), text


REFUSED = [
    {"route_name": "../x"},
    {"route_name": "info"},
    {"route_name": "_e"},
    {"route_name": "a/b"},
    {"route_name": ""},
    {"api_paths": ("/$x",)},
    {"api_paths": ("/x\n",)},
    {"api_paths": ("relative",)},
    {"api_paths": ("/x?y",)},
    {"api_paths": ("/%ff",)},
    {"max_body": 1.5},
    {"max_body": -1},
    {"request_timeout": float("nan")},
    {"local_host": "x y", "local_port": 9},
    {"local_host": "example.org", "local_port": 9},
    {"local_host": "127.0.0.1", "local_port": 70000},
]


@pytest.mark.parametrize("changes", REFUSED)
def test_a_refusal_names_the_service(idle: Gateway, changes: dict[str, Any]) -> None:
    route = changes.get("route_name", "svc0")
    with pytest.raises(RenderRefused, match=re.escape(f"service {route!r}: ")):
        render(_catalogue(_hostile(changes, 0)), idle.settings)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "::"])
def test_a_service_cannot_take_an_address_that_is_taken(idle: Gateway, host: str) -> None:
    first = service("one", local_host=host, local_port=9)
    second = service("two", local_host=host, local_port=9)
    with pytest.raises(RenderRefused, match="belongs to service 'one'"):
        render(_catalogue(first, second), idle.settings)
    gateways = service("two", local_host=host, local_port=idle.port)
    with pytest.raises(RenderRefused, match="belongs to the gateway itself"):
        render(_catalogue(gateways), idle.settings)


@pytest.mark.parametrize("path", ["/a b", '/quo"te', "/semi;colon", "/{brace}", "/größe", "/a%20b"])
def test_a_path_with_special_characters_is_quoted(idle: Gateway, path: str) -> None:
    assert _passes(idle, [_hostile({"api_paths": (path, path + "/*")}, 0)])


def test_rendering_is_pure(idle: Gateway) -> None:
    catalogue = Catalogue.of([service("a"), service("b", "/x")])
    assert render(catalogue, idle.settings) == render(catalogue, idle.settings)


def test_a_thousand_services_are_rendered_and_accepted(idle: Gateway) -> None:
    many = [service(f"service-{n:04}", "/predict", "/v1/*", "/items/*") for n in range(1000)]
    assert _passes(idle, many)


def test_nginx_is_started_in_the_foreground_with_its_own_prefix(idle: Gateway) -> None:
    idle.nginx.ensure_config()
    argv = Nginx(idle.settings).argv()
    assert argv[-2:] == ["-g", "daemon off;"]
    done = subprocess.run([*argv[:-2], "-t"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Path(argv[0]).is_absolute()

"""Access control: socket or port, with or without the token, and the throttling of attempts."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from flask import Flask, Response
from werkzeug.test import TestResponse

from service_management.api.access import (
    BURST,
    MOST_ADDRESSES,
    SECONDS_EACH,
    Access,
    WrongTokens,
)
from service_management.api.flask_app import Parts, create_app
from service_management.controller.snapshot import Snapshot
from service_management.usage.totals import UsageTotals

TOKEN = "the-right-token"
RIGHT, WRONG = {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": "Bearer guess"}
READ_BY_ALL = ["/", "/info", "/healthz", "/metrics"]
OF_NGINX = ["/_demand/digits", "/_hold/digits", "/_quiet/digits", "/_anything"]
ADMIN = ["/admin", "/admin/", "/admin/services/digits/logs", "/admin/nothing", "/admin/services/x"]


class FakeController:
    """A controller and a follower, as far as these requests get."""

    usage = UsageTotals()

    def demanded(self, _route: str, _request: str) -> None: ...

    def ask(self, _route: str, _event: object) -> bool:
        return True


class Client:
    def __init__(self, app: Flask) -> None:
        self._app = app
        self.unix, self._other = socket.socketpair()
        self.tcp = socket.socket()

    def call(self, path: str, *, over: Any, method: str = "GET", **headers: Any) -> TestResponse:
        return self._app.test_client().open(
            path,
            method=method,
            headers=headers.get("headers"),
            environ_overrides={"gunicorn.socket": over},
        )

    def close(self) -> None:
        for each in (self.unix, self._other, self.tcp):
            each.close()


@pytest.fixture
def client() -> Iterator[Client]:
    fake = cast(Any, FakeController())
    known = Snapshot()
    known.version = "1"
    parts = Parts(known, fake, fake, fake, fake, admin_token=TOKEN, most_held=8)
    made = Client(create_app(parts))
    yield made
    made.close()


@pytest.mark.parametrize("path", READ_BY_ALL)
def test_public_pages_are_at_the_port_too(client: Client, path: str) -> None:
    over_socket, at_port = client.call(path, over=client.unix), client.call(path, over=client.tcp)
    assert over_socket.status_code == at_port.status_code
    assert at_port.content_type == over_socket.content_type


@pytest.mark.parametrize("path", ADMIN)
def test_the_port_has_no_admin_not_even_with_the_token(client: Client, path: str) -> None:
    for over in (client.tcp, None):
        answer = client.call(path, over=over, headers=RIGHT)
        assert answer.status_code == 404
        assert "orchestrator" in answer.get_json()["detail"]


@pytest.mark.parametrize("path", OF_NGINX)
def test_nginxs_own_paths_are_not_served_at_the_port(client: Client, path: str) -> None:
    """nginx asks there until an upgrade has given it a new configuration."""
    answer = client.call(path, over=client.tcp, headers={"X-Hold-Ready": "@ready"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.get_json()["detail"] == "The control plane is restarting; try again."
    assert "X-Accel-Redirect" not in answer.headers


@pytest.mark.parametrize("path", ADMIN)
@pytest.mark.parametrize("headers", [{}, WRONG, {"Authorization": TOKEN}])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_without_the_token_unknown_paths_look_like_known_ones(
    client: Client, path: str, headers: dict[str, str], method: str
) -> None:
    answer = client.call(path, over=client.unix, method=method, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_with_the_token_what_is_not_there_is_404_or_405(client: Client) -> None:
    def status(path: str, method: str) -> int:
        return client.call(path, over=client.unix, method=method, headers=RIGHT).status_code

    assert status("/admin/nothing", "GET") == 404
    assert status("/admin/services/digits/stop", "GET") == 405
    assert status("/admin/services/digits/explode", "POST") == 404
    assert status("/info/a%2F..%2Fb", "GET") == 404


def test_without_a_configured_token_all_requests_are_refused() -> None:
    app = Flask(__name__)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for header in ("Bearer ", "Bearer", ""):
            environ = {"gunicorn.socket": ours}
            headers = {"Authorization": header}
            with app.test_request_context("/admin/", headers=headers, environ_overrides=environ):
                refused = Access("").check()
                assert isinstance(refused, Response)
                assert refused.status_code == 401


def _guess(client: Client, address: str, headers: dict[str, str] = WRONG) -> TestResponse:
    return client.call(
        "/admin/services/digits/stop",
        over=client.unix,
        method="POST",
        headers={**headers, "X-Real-IP": address},
    )


def test_an_address_that_guesses_is_slowed_down_alone(client: Client) -> None:
    statuses = [_guess(client, "192.0.2.1").status_code for _ in range(BURST + 1)]
    assert statuses == [*[401] * BURST, 429]
    assert int(_guess(client, "192.0.2.1").headers["Retry-After"]) >= 1
    assert _guess(client, "192.0.2.1", RIGHT).status_code == 429
    assert _guess(client, "192.0.2.2", RIGHT).status_code == 404
    # The command line on this machine comes over the socket itself, and has no address.
    assert _guess(client, "", RIGHT).status_code == 404
    assert {_guess(client, "").status_code for _ in range(BURST * 2)} == {401}


def test_an_operator_behind_the_same_proxy_is_not_locked_out(client: Client) -> None:
    assert _guess(client, "192.0.2.1", RIGHT).status_code == 404
    statuses = [_guess(client, "192.0.2.1").status_code for _ in range(BURST + 1)]
    assert statuses == [*[401] * BURST, 429]
    assert _guess(client, "192.0.2.1", RIGHT).status_code == 404


def test_a_request_without_a_token_is_no_guess(client: Client) -> None:
    assert {_guess(client, "192.0.2.1", {}).status_code for _ in range(BURST * 2)} == {401}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_wrong_tokens_are_forgiven_one_by_one() -> None:
    clock = Clock()
    wrong = WrongTokens(clock)
    for _ in range(BURST):
        assert wrong.wait("192.0.2.1") == 0
        wrong.note("192.0.2.1", right=False)
    assert wrong.wait("192.0.2.1") == SECONDS_EACH
    clock.now = SECONDS_EACH
    assert wrong.wait("192.0.2.1") == 0
    wrong.note("192.0.2.1", right=False)
    assert wrong.wait("192.0.2.1") == SECONDS_EACH
    clock.now += BURST * SECONDS_EACH
    assert wrong.wait("192.0.2.1") == 0


def test_an_ipv6_network_counts_as_one_address() -> None:
    wrong = WrongTokens(Clock())
    for number in range(BURST):
        wrong.note(f"2001:db8::{number:x}", right=False)
    assert wrong.wait("2001:db8::ffff") > 0
    assert wrong.wait("2001:db8:0:1::1") == 0


def test_a_million_addresses_cost_bounded_memory() -> None:
    wrong = WrongTokens(Clock())
    for number in range(MOST_ADDRESSES + 100):
        wrong.note(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", right=False)
    assert len(wrong._forgiven_at) == MOST_ADDRESSES


@pytest.mark.parametrize("path", [*READ_BY_ALL, "/nothing", "/admin/"])
def test_no_page_can_be_framed_or_mistaken_for_another_type(client: Client, path: str) -> None:
    headers = client.call(path, over=client.unix).headers
    assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_the_icon_is_part_of_the_page(client: Client) -> None:
    """A browser that asks for none starts no service at a `local_port`."""
    page = client.call("/", over=client.unix)
    (icon,) = re.findall(r'<link rel="icon" href="data:image/svg\+xml,([^"]+)">', page.text)
    assert ET.fromstring(unquote(icon)).tag.endswith("svg")
    assert "img-src data:;" in page.headers["Content-Security-Policy"]


def test_only_the_pages_own_script_runs(client: Client) -> None:
    first, second = (client.call("/", over=client.unix) for _ in range(2))
    (nonce,) = re.findall(r'<script nonce="([^"]+)">', first.text)
    assert f"script-src 'nonce-{nonce}'" in first.headers["Content-Security-Policy"]
    assert nonce not in second.headers["Content-Security-Policy"]

"""A held request from nginx's question to the answer: through the application, as nginx asks it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from service_management.api.admission import Admission
from service_management.api.flask_app import Parts, create_app
from service_management.controller.public_view import Trouble
from service_management.controller.snapshot import Snapshot
from service_management.lifecycle.events import Demanded, Event
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import State
from tests.gateway.waiting import until
from tests.unit.config.samples import service

from .samples import JOB, RECORDS


class Controls:
    """A controller that decides nothing by itself, and records what it receives."""

    def __init__(self, *, decides: bool = True) -> None:
        self.decides = decides
        self.received: list[Event] = []
        self.suspected: list[str] = []
        self.reset: list[str] = []
        self.asked = threading.Semaphore(0)

    def ask(self, _route: str, event: Event) -> bool:
        self.received.append(event)
        self.asked.release()
        return self.decides

    def demanded(self, _route: str, request_id: str) -> None:
        self.reset.append(request_id)

    def suspect(self, route: str) -> None:
        self.suspected.append(route)


class Nginx:
    """Asks as nginx does: over a unix socket that it closes when its client has left."""

    def __init__(self, **keys: Any) -> None:
        self.snapshot, self.controls = Snapshot(), Controls()
        self.snapshot.services = {"digits": service(hold_timeout=60, **keys)}
        self.show(RECORDS[State.COLD])
        self.admission = Admission(self.snapshot, 4)
        nothing = cast(Any, None)
        self.tunnel = threading.Event()
        self.tunnel.set()
        parts = Parts(
            self.snapshot,
            cast(Any, self.controls),
            *[nothing] * 3,
            "",
            most_held=4,
            reachable=lambda _route: self.tunnel.is_set(),
            admission=self.admission,
        )
        self._app: Flask = create_app(parts)
        self._ours, self.client = socket.socketpair()

    def show(self, record: ServiceRecord) -> None:
        self.snapshot.replace({record.route: record}, set())

    def ask(self, route: str = "digits", method: str = "GET", **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._app.test_client().get(
            f"/_hold/{route}",
            headers={"X-Original-Method": method, "X-Hold-Ready": "@ready", **named},
            environ_overrides={"gunicorn.socket": self._ours},
        )

    def close(self) -> None:
        self._ours.close()
        self.client.close()


@pytest.fixture
def nginx() -> Iterator[Nginx]:
    made = Nginx()
    yield made
    made.close()


def test_a_request_waits_until_the_service_is_ready(nginx: Nginx) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(nginx.ask, X_Request_ID="id-1")
        assert nginx.controls.asked.acquire(timeout=5)
        nginx.show(RECORDS[State.QUEUED])
        nginx.show(RECORDS[State.READY])
        answer = waiting.result(5)
    assert (answer.status_code, answer.headers["X-Accel-Redirect"]) == (200, "@ready")
    assert float(answer.headers["X-Cold-Start"]) >= 0
    assert nginx.controls.received == [Demanded("id-1")]
    assert nginx.snapshot.waiters.held("digits") == 0


def test_a_request_that_cannot_wait_still_counts_as_demand(nginx: Nginx) -> None:
    answer = nginx.ask(Prefer="wait=0")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.get_json()["state"] == "cold"
    assert len(nginx.controls.received) == 1


def test_patience_that_is_over_ends_in_503_with_the_state(nginx: Nginx) -> None:
    nginx.show(RECORDS[State.STARTING])
    answer = nginx.ask(Prefer="wait=1")
    assert answer.status_code == 503
    assert answer.get_json()["reason"] == "loading"


def test_a_failure_ends_the_wait(nginx: Nginx) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(nginx.ask)
        assert nginx.controls.asked.acquire(timeout=5)
        nginx.show(replace(RECORDS[State.FAILED], retry_at=1e12))
        answer = waiting.result(5)
    assert answer.get_json()["type"].endswith(":failed")


def test_a_client_that_leaves_is_no_longer_held(nginx: Nginx) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(nginx.ask)
        assert nginx.controls.asked.acquire(timeout=5)
        nginx.client.close()
        assert waiting.result(10).status_code == 503
    assert nginx.snapshot.waiters.held("digits") == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("state", [State.READY, State.COLD])
def test_what_was_sent_is_not_sent_again(nginx: Nginx, method: str, state: State) -> None:
    nginx.show(RECORDS[state])
    answer = nginx.ask(method=method, X_Hold_Sent="312")
    assert answer.status_code == 502
    assert answer.get_json()["type"].endswith(":broke-off")
    assert "may have been executed" in answer.get_json()["detail"]
    assert "X-Accel-Redirect" not in answer.headers
    assert (nginx.controls.received, nginx.controls.suspected) == ([], ["digits"])


@pytest.mark.parametrize(("method", "sent"), [("POST", "0"), ("GET", "312"), ("HEAD", "312")])
def test_what_was_not_sent_or_is_safe_is_sent_again(nginx: Nginx, method: str, sent: str) -> None:
    nginx.show(RECORDS[State.READY])
    assert nginx.ask(method=method, X_Hold_Sent=sent).headers["X-Accel-Redirect"] == "@ready"


def test_a_service_that_is_never_reached_is_given_up(nginx: Nginx) -> None:
    nginx.show(RECORDS[State.READY])
    attempts = " : ".join(["0", *["312 : 0"] * 4])
    answer = nginx.ask(X_Hold_Sent=attempts)
    assert answer.get_json()["type"].endswith(":broke-off")
    assert "was not executed" in answer.get_json()["detail"]
    assert nginx.controls.suspected


def test_a_ready_service_without_a_tunnel_is_waited_for(nginx: Nginx) -> None:
    """Its login node restarts. The first time nginx tries again at once."""
    nginx.show(RECORDS[State.READY])
    nginx.tunnel.clear()
    assert "X-Accel-Redirect" in nginx.ask(method="POST", X_Hold_Sent="0").headers
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(nginx.ask, method="POST", X_Hold_Sent="0 : 312 : 0")
        until(lambda: nginx.controls.suspected == ["digits"])
        nginx.tunnel.set()
        assert waiting.result(5).headers["X-Accel-Redirect"] == "@ready"


def test_a_tunnel_that_stays_away_is_503_with_the_reason(nginx: Nginx) -> None:
    nginx.show(RECORDS[State.READY])
    nginx.snapshot.trouble = {"digits": Trouble("unreachable", "no route to host")}
    nginx.tunnel.clear()
    answer = nginx.ask(method="POST", X_Hold_Sent="0 : 312 : 0", Prefer="wait=1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.get_json()["type"].endswith(":not-ready")
    for words in ("its tunnel is down", "login node cannot be reached", "was not executed"):
        assert words in answer.get_json()["detail"]


def test_a_browser_gets_the_waiting_page_at_once(nginx: Nginx) -> None:
    answer = nginx.ask(Accept="text/html")
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert answer.headers["Retry-After"] == "5"


REFRESH = '<meta http-equiv="refresh" content="5">'


@pytest.mark.parametrize("state", [State.QUEUED, State.STARTING, State.DRAINING])
def test_the_page_goes_on_while_a_job_is_under_way(nginx: Nginx, state: State) -> None:
    nginx.show(RECORDS[state])
    page = nginx.ask(Accept="text/html", X_Hold_Prefix="/digits", X_Request_ID="id-7").text
    assert f"<noscript>{REFRESH}</noscript>" in page
    assert 'data-info="/info/digits"' in page
    assert '<a href="/">' in page
    assert "id-7" in page


@pytest.mark.parametrize("state", [State.FAILED, State.COLD, State.DISABLED])
def test_the_page_of_a_stopped_service_does_not_refresh(nginx: Nginx, state: State) -> None:
    """Each refresh is a request: a forgotten tab would start the service for ever."""
    nginx.show(replace(RECORDS[state], retry_at=1e12))
    page = nginx.ask(Accept="text/html", X_Hold_Prefix="/digits").text
    assert REFRESH not in page
    assert page.count('href="" hidden') == (state is State.DISABLED)


def test_without_a_script_a_second_attempt_is_not_refreshed(nginx: Nginx) -> None:
    nginx.show(replace(RECORDS[State.QUEUED], failures=1))
    page = nginx.ask(Accept="text/html", X_Hold_Prefix="/digits").text
    assert REFRESH not in page
    assert "Reload this page" in page


def test_the_page_at_a_services_own_address_has_no_script(nginx: Nginx) -> None:
    """There /info is the service's, and asking for it would start the service."""
    nginx.show(RECORDS[State.QUEUED])
    page = nginx.ask(Accept="text/html").text
    assert REFRESH in page
    assert not any(part in page for part in ("<noscript>", "<script", "/info", 'href="/"'))


def test_the_page_says_what_happens_when_it_is_closed(nginx: Nginx) -> None:
    page = nginx.ask(Accept="text/html", X_Hold_Prefix="/digits").text
    assert "If you close this page, the job goes on" in page
    assert "Without a request it is cancelled after 60 min in the queue" in page
    assert 'href="/info/digits"' in page


@pytest.mark.parametrize("state", [State.FAILED, State.COLD, State.DISABLED, State.DRAINING])
def test_a_page_without_a_job_says_nothing_of_closing(nginx: Nginx, state: State) -> None:
    nginx.show(replace(RECORDS[state], retry_at=1e12))
    page = nginx.ask(Accept="text/html", X_Hold_Prefix="/digits").text
    assert '<p id="closing" class="soft" hidden>' in page


def test_without_a_decision_it_is_busy(nginx: Nginx) -> None:
    nginx.controls.decides = False
    answer = nginx.ask()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.get_json()["type"].endswith(":busy")


def test_a_service_that_was_removed_is_404(nginx: Nginx) -> None:
    assert nginx.ask("removed").status_code == 404


# -- a service with `max_inflight`


@pytest.fixture
def limited() -> Iterator[Nginx]:
    """Ready, and its one place is taken."""
    made = Nginx(max_inflight=1)
    made.show(RECORDS[State.READY])
    made.snapshot.inflight = {JOB.name: 1}
    yield made
    made.close()


def test_a_full_service_is_429_when_patience_ends(limited: Nginx) -> None:
    answer = limited.ask(method="POST", X_Hold_Sent="0", Prefer="wait=0", X_Request_ID="id-1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
    assert (limited.controls.reset, limited.controls.received) == (["id-1"], [])
    problem = answer.get_json()
    assert problem["type"].endswith(":service-full")
    assert (problem["place"], problem["waiting"], problem["state"]) == (1, 1, "ready")


def test_a_free_place_is_taken_at_once(limited: Nginx) -> None:
    limited.admission.freed("digits")
    assert limited.ask(X_Hold_Sent="0", Prefer="wait=0").headers["X-Accel-Redirect"] == "@ready"


def test_one_that_met_a_full_service_suspects_nothing(limited: Nginx) -> None:
    """It goes first; its earlier wait counts."""
    answer = limited.ask(X_Hold_Sent="0 : 9 : 0", X_Hold_Waited="0.000 : 59.900 : 0.000")
    assert (answer.status_code, limited.controls.suspected) == (429, [])
    answer = limited.ask(X_Hold_Sent=" : ".join(["0", *["9 : 0"] * 4]))
    assert (answer.status_code, answer.get_json()["place"]) == (429, 1)


def test_a_cold_service_with_a_limit_is_503_as_any_other(limited: Nginx) -> None:
    limited.show(RECORDS[State.STARTING])
    answer = limited.ask(Prefer="wait=0")
    assert (answer.status_code, answer.get_json()["state"]) == (503, "starting")


def test_a_lost_request_frees_its_place(limited: Nginx) -> None:
    assert limited.ask(method="POST", X_Hold_Sent="312").status_code == 502
    assert "X-Accel-Redirect" in limited.ask(method="POST", X_Hold_Sent="0").headers

"""How a held request is read from nginx's headers, and when waiting longer is pointless."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as some

from service_management.api import hold
from service_management.api.admission import Admission, settled
from service_management.api.held_request import Held, read
from service_management.controller.snapshot import Snapshot
from service_management.lifecycle.states import Phase, State

from .samples import RECORDS, replica, view, view_of

APP = Flask(__name__)
# The default of a held request: a GET that never reached the service.
PLAIN = Held("GET", (), None, html=False, request_id="")


def held_request(**headers: str) -> Held:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with APP.test_request_context(headers=named):
        return read(request)


@pytest.mark.parametrize(
    ("header", "attempts", "sent", "replays"),
    [
        ("", (), False, 0),
        ("0", (0,), False, 0),
        ("312", (312,), True, 0),
        ("-", (0,), False, 0),
        ("0 : 312 : 0", (0, 312, 0), False, 1),
        ("0 : 312 : 77", (0, 312, 77), True, 1),
        # Several replicas: tried again before the control plane is asked.
        ("0 : 0, 0, 0", (0, 0), False, 0),
        ("0 : 0, 0, 77", (0, 77), True, 0),
        ("0 : 0, 0, 0 : 312 : 0, 0, 0", (0, 0, 312, 0), False, 1),
        ("0 : 0 : 312 : 0, 0 : 312 : 0, 77", (0, 0, 312, 0, 312, 77), True, 2),
    ],
)
def test_the_attempts_are_read_as_nginx_writes_them(header, attempts, sent, replays) -> None:
    held = held_request(X_Hold_Sent=header)
    assert held.attempts == attempts
    assert (held.sent, held.replays) == (sent, replays)


@pytest.mark.parametrize(
    ("header", "patience"),
    [
        ("", None),
        ("wait=0", 0.0),
        ("wait=10", 10.0),
        ("Wait = 10", 10.0),
        ("respond-async, wait=10", 10.0),
        ("wait=10, wait=20", 10.0),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=", None),
        ("wait=soon", None),
        ("waiting=10", None),
        ("wait=٣", None),
    ],
)
def test_a_clients_own_patience_is_whole_seconds(header: str, patience: float | None) -> None:
    assert held_request(Prefer=header).patience == patience


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/plain, */*", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html", True),
        ("text/event-stream", False),
        ("application/json;q=0.5, text/html", True),
    ],
)
def test_only_who_asks_for_html_gets_a_page(accept: str, html: bool) -> None:
    assert held_request(Accept=accept).html is html


printable = some.text(some.characters(codec="latin-1", exclude_categories=["Cc"]))


@given(printable, printable, printable)
def test_no_header_breaks_the_reading(sent: str, prefer: str, accept: str) -> None:
    held = held_request(X_Hold_Sent=sent, Prefer=prefer, Accept=accept)
    assert held.patience is None or held.patience >= 0
    assert all(attempt >= 0 for attempt in held.attempts)


# -- how long


@pytest.mark.parametrize(
    ("patience", "html", "method", "expected"),
    [
        (None, False, "GET", 120.0),
        (0.0, False, "GET", 0.0),
        (10.0, False, "POST", 10.0),
        (9999.0, False, "GET", 120.0),
        (None, True, "GET", 0.0),
        (None, True, "POST", 120.0),
        (5.0, True, "GET", 5.0),
    ],
)
def test_patience_is_the_services_or_less(patience, html, method, expected) -> None:
    held = replace(PLAIN, patience=patience, html=html, method=method)
    assert hold._time_left(view(State.COLD), held) == expected


def test_a_browser_waits_for_a_place_instead_of_seeing_a_page() -> None:
    held = replace(PLAIN, html=True)
    assert hold._time_left(view(State.READY, max_inflight=1), held) == 120.0
    assert hold._time_left(view(State.COLD, max_inflight=1), held) == 0.0


@pytest.mark.parametrize(
    ("sent", "header", "waited"),
    [
        ("", "", 0.0),
        ("0", "0.001", 0.0),
        ("0 : 312 : 0", "0.001 : 12.500 : 0.002", 12.5),
        ("0 : 312 : 0 : 312 : 0", "0.001 : 12.500 : 0.002 : 1.500 : -", 14.0),
        ("0 : 0, 0", "9.000 : 0.001, 0.001", 0.0),
        ("0 : 0, 0 : 312 : 0", "9.000 : 0.001, 0.001 : 2.500 : 0.000", 2.5),
        ("0 : 312 : 0", "0.001 : - : inf", 0.0),
    ],
)
def test_earlier_waits_are_read_as_nginx_writes_them(sent, header: str, waited: float) -> None:
    assert held_request(X_Hold_Sent=sent, X_Hold_Waited=header).waited == waited


@pytest.mark.parametrize("state", State)
def test_waiting_ends_where_it_would_change_nothing(state: State) -> None:
    done = {State.READY, State.DISABLED}
    assert settled(RECORDS[state]) == (state in done)


def test_a_failure_is_final_only_while_its_backoff_runs() -> None:
    failed = RECORDS[State.FAILED]
    assert settled(replace(failed, retry_at=time.time() + 60))
    assert not settled(replace(failed, retry_at=time.time() - 1))


def test_any_ready_replica_ends_the_wait() -> None:
    queued, ready = replica(0, Phase.QUEUED), replica(1, Phase.READY)
    draining = replica(2, Phase.DRAINING)
    assert settled(view_of(queued, ready, draining).record)
    assert not settled(view_of(queued, draining).record)


def test_a_service_that_was_removed_is_not_waited_for() -> None:
    assert settled(None)


# -- and for whom


def test_a_client_that_has_left_is_noticed() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            assert not hold._gone(ours)
            theirs.send(b"next request")
            assert not hold._gone(ours)
            assert ours.recv(100) == b"next request"
        assert hold._gone(ours)
    assert hold._gone(ours)


def test_without_a_socket_clients_count_as_connected() -> None:
    assert not hold._gone(None)


# -- and how many


class NeverDecides:
    """A controller, as far as the hold knows one, that is busy until it is let go."""

    def __init__(self) -> None:
        self.asked, self.release = threading.Semaphore(0), threading.Event()

    def ask(self, _route: str, _event: object) -> bool:
        self.asked.release()
        return not self.release.wait(10)


@contextmanager
def waiting(
    holding: hold.Hold, controller: NeverDecides, *asked: tuple[str, str]
) -> Iterator[None]:
    """These (route, client) wait while this is open."""
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = [
            pool.submit(holding.hold, route, replace(PLAIN, client=client), None)
            for route, client in asked
        ]
        assert all(controller.asked.acquire(timeout=5) for _ in asked)
        yield
        controller.release.set()
    details = {answer.result().get_json()["detail"] for answer in answers}
    assert details == {"The control plane did not decide within 5 s: it is overloaded or starting."}


@pytest.mark.parametrize(
    ("asked", "refused", "others", "words"),
    [
        ([("a", "10.0.0.1"), ("b", "10.0.0.2")], ("c", "10.0.0.3"), None, "waiting (HOLD_THREADS)"),
        ([("a", "10.0.0.1")], ("a", "10.0.0.2"), ("b", "10.0.0.2"), "waiting for this service"),
        ([("a", "10.0.0.1")], ("b", "10.0.0.1"), ("b", "10.0.0.2"), "of this client"),
        ([("a", "2001:db8::1")], ("b", "2001:db8::2"), ("b", "2001:db9::2"), "of this client"),
    ],
    ids=["in all", "of a service", "of a client", "of an IPv6 network"],
)
def test_beyond_its_bound_a_request_is_refused_at_once(asked, refused, others, words) -> None:
    """Two places: one service or client may take one of them."""
    controller = NeverDecides()
    snapshot = Snapshot()
    holding = hold.Hold(snapshot, controller, Admission(snapshot, 2))
    with waiting(holding, controller, *asked):
        answer = holding.hold(refused[0], replace(PLAIN, client=refused[1]), None)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert words in answer.get_json()["detail"]
        if others:
            with waiting(holding, controller, others):
                pass
    with waiting(holding, controller, *asked):
        pass  # every place was given back

"""The control plane may die: while requests and streams run over ready services, its parts are
killed, restarted, upgraded and reloaded. Not one request fails or is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.chaos.incidents import INCIDENTS, Serving, reload_nginx, serve
from tests.stack.connections_and_jobs import connections_and_jobs
from tests.stack.stack import Stack
from tests.stack.traffic import Volume, traffic
from tests.stack.waiting import wait_for

VOLUME = Volume(rate=300)  # what the machine surely does beside other tests
ROUTES = ["load1", "load2"]


@pytest.fixture(scope="module")
def serving(running: Stack) -> Iterator[Serving]:
    try:
        yield serve(running, ROUTES)
    finally:
        running.cluster.cancel_all()
        running.write([])
        wait_for("no service is left", lambda: not running.info()["services"], 30)


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.__name__)
def test_no_request_fails_and_no_stream_is_cut(
    serving: Serving, incident: Callable[[Serving], None]
) -> None:
    stack = serving.stack
    before = connections_and_jobs(stack)
    assert before.masters
    assert len(before.forwards) == 2 * len(ROUTES)
    assert len(before.jobs) == len(ROUTES)

    with traffic(stack, ROUTES, VOLUME) as reports:
        incident(serving)
        assert connections_and_jobs(stack).changes_since(before) == []

    report = reports[0]
    assert report.failures == []
    assert report.streams >= VOLUME.streams
    assert report.requests > VOLUME.rate
    assert connections_and_jobs(stack).changes_since(before) == []
    assert [stack.state(route) for route in ROUTES] == ["ready", "ready"]
    for route in ROUTES:
        executed = stack.client.get(f"/{route}/executed").json()["ids"]
        assert set(executed.values()) == {1}
    if not _closes_connections(incident):
        assert report.resent == 0


def _closes_connections(incident: Callable[[Serving], None]) -> bool:
    """nginx's old workers close idle connections; a request may be on its way there."""
    return incident is reload_nginx or "configuration" in incident.__name__

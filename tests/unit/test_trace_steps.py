"""Two recorded runs are compared by their steps, not by their times."""

from __future__ import annotations

from tests.trace.steps import CLIENT, CONTROL, NGINX, Step, Trace, differences


def trace(*texts: str, states: tuple[str, ...] = ("queued", "ready")) -> Trace:
    calls = [Step(0.1, CLIENT, NGINX, text) for text in texts]
    return Trace("t", (*calls, *(Step(0.2, CONTROL, CONTROL, "stored", state) for state in states)))


def test_ids_ports_and_times_may_differ() -> None:
    before = trace("job 1 starts on node1", "look 6", "tunnel to node1:29089", "took 1.437")
    now = trace("job 22 starts on node3", "look 11", "took 0.9", "tunnel to node3:30111")
    assert differences(before, now) == []


def test_another_status_is_a_difference() -> None:
    assert differences(trace("200"), trace("503")) == [
        "no longer: client → nginx: 200",
        "new: client → nginx: 503",
    ]


def test_states_in_another_order_are_a_difference() -> None:
    turned = trace(states=("ready", "queued"))
    assert differences(trace(), turned) == ["states: ready → queued, not queued → ready"]

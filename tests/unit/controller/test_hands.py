"""What is done in the background: once at a time, and never failing in silence."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
import structlog.testing

from service_management.cluster.counts import CallCounts
from service_management.cluster.openssh import OpenSshBackend
from service_management.controller.hands import Hand, Hands
from service_management.controller.spec import JobSpec
from tests.stack.waiting import wait_for
from tests.unit.controller.samples import KEY_DIR, configured


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Hand]:
    """No command is run by it: making a connection is only writing its file."""
    with tempfile.TemporaryDirectory() as run_dir:  # short, as sockets want it
        hands = Hands(OpenSshBackend(Path(run_dir), tmp_path), CallCounts())
        yield hands.of(JobSpec.of(configured(), KEY_DIR).login)
        hands.close()


def test_the_same_is_not_done_twice_at_a_time(hand: Hand) -> None:
    go_on = Event()
    assert hand.do("queue", lambda: go_on.wait(10))
    assert not hand.do("queue", lambda: None)
    go_on.set()
    wait_for("it is over", lambda: not hand.busy("queue"), 5)
    assert hand.do("queue", lambda: None)


def test_what_fails_is_told_with_its_login_and_done_again(hand: Hand) -> None:
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            assert hand.do("queue", lambda: 1 // 0)
            wait_for("it is over", lambda: not hand.busy("queue"), 5)
    [line, _] = [line for line in lines if line["event"] == "an action failed"]
    assert (line["login"], line["action"]) == ("jo@login.cluster.example.org:22", "queue")
    assert line["exc_info"]

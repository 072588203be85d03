"""How rarely the sockets of jobs are looked at."""

from __future__ import annotations

from service_management.controller.socket_looks import SocketLooks
from service_management.lifecycle.findings import Listening
from service_management.lifecycle.intervals import SOCKETS_FIRST, SOCKETS_GAP, SOCKETS_LONGEST

JOB, OTHER = ("io.digits.s0.a", "n1"), ("io.text.s0.b", "n1")
SEEN = (Listening("127.0.0.1", 8080),)


def looks_at(looks: SocketLooks, place: tuple[str, str], seconds: int) -> list[int]:
    return [now for now in range(seconds) if looks.due(place, "login", now)]


def test_looks_at_a_job_become_rarer() -> None:
    times = looks_at(SocketLooks(), JOB, 1800)
    assert times[:4] == [SOCKETS_FIRST, 30, 70, 150]
    assert times[-1] - times[-2] == SOCKETS_LONGEST
    assert len(times) < 12


def test_looks_at_one_login_keep_their_distance() -> None:
    looks, times = SocketLooks(), []
    for now in range(60):
        places = [(f"job{number}", "n1") for number in range(50)]
        times += [now for place in places if looks.due(place, "login", now)]
    assert len(times) == len(set(times)) == (60 - SOCKETS_FIRST) // SOCKETS_GAP


def test_what_was_seen_is_kept_until_the_port_is_open() -> None:
    looks = SocketLooks()
    looks.note(JOB, SEEN)
    assert looks.seen(JOB) is None  # not asked for: a job that is gone
    looks.due(JOB, "login", 0.0)
    looks.note(JOB, SEEN)
    assert looks.seen(JOB) == SEEN
    assert looks.seen((JOB[0], "n2")) is None
    looks.forget(JOB)
    assert looks.seen(JOB) is None


def test_jobs_that_are_gone_are_forgotten() -> None:
    looks = SocketLooks()
    for place in (JOB, OTHER):
        looks.due(place, "login", 0.0)
        looks.note(place, SEEN)
    looks.forget_jobs_except({JOB[0]})
    assert (looks.seen(JOB), looks.seen(OTHER)) == (SEEN, None)

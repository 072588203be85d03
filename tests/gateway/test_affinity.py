"""`affinity`: requests that belong together meet on one replica, as long as it is not too busy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from service_management.gateway import routes
from tests.gateway.client import Answer
from tests.gateway.gateway import Gateway
from tests.gateway.services import service
from tests.gateway.upstream import Upstream
from tests.gateway.waiting import until

PAGE = ("Accept", "text/html,application/xhtml+xml;q=0.9")


@pytest.fixture(scope="module")
def _one() -> Iterator[Gateway]:
    gateway = Gateway()
    try:
        yield gateway.start(
            *(
                service(kind, max_replicas=4, target_inflight=4, affinity=kind)
                for kind in ("session", "user", "prefix")
            ),
            service("spread", max_replicas=2, ssh_connections=3, affinity="session"),
            service("single", affinity="session"),
        )
    finally:
        gateway.stop()


@pytest.fixture
def gateway(_one: Gateway) -> Iterator[Gateway]:
    yield _one
    _one.cool()


def four(gateway: Gateway, route: str) -> list[Upstream]:
    return gateway.replicas(route, 4)


def counts(replicas: Sequence[Upstream]) -> list[int]:
    return [len(replica.seen) for replica in replicas]


def reached(replicas: Sequence[Upstream]) -> list[int]:
    """The replicas that got requests since the last look."""
    found = [position for position, replica in enumerate(replicas) if replica.seen]
    for replica in replicas:
        replica.seen.clear()
    return found


def ask(gateway: Gateway, session: str, target: str = "/session/x") -> Answer:
    return gateway.call(target, "POST", [("X-Session-ID", session)], b"{}")


@contextmanager
def at_once(
    gateway: Gateway, replicas: Sequence[Upstream], sessions: Sequence[str]
) -> Iterator[None]:
    """A request in flight for each of the sessions; all are answered at the end."""
    for replica in replicas:
        replica.script.every = "silent"
    with ThreadPoolExecutor(len(sessions)) as pool:
        answers = [pool.submit(ask, gateway, session) for session in sessions]
        try:
            until(lambda: sum(counts(replicas)) == len(sessions))
            yield
        finally:
            for replica in replicas:
                replica.script.release.set()
        assert {answer.result(20).status for answer in answers} == {200}


def test_a_session_stays_on_one_replica(gateway: Gateway) -> None:
    replicas, homes = four(gateway, "session"), []
    for number in range(20):
        for _ in range(5):
            assert ask(gateway, f"chat-{number}").status == 200
        homes.append(reached(replicas))
    assert all(len(home) == 1 for home in homes)
    assert {home[0] for home in homes} == {0, 1, 2, 3}


def test_only_the_sessions_of_a_lost_replica_move(gateway: Gateway) -> None:
    replicas = four(gateway, "session")

    def homes() -> list[int]:
        found = []
        for number in range(20):
            assert ask(gateway, f"chat-{number}").status == 200
            found += reached(replicas)[-1:]
        return found

    before = homes()
    routes.unpublish(gateway.run_dir, "session", 3)
    replicas[3].stop()
    until(lambda: ask(gateway, "warm-up").status == 200)
    after = homes()
    assert all(new == old for old, new in zip(before, after, strict=True) if old != 3)
    assert 3 not in after


def test_a_busy_session_overflows_to_other_replicas(gateway: Gateway) -> None:
    replicas = four(gateway, "session")
    with at_once(gateway, replicas, ["same"] * 16):
        assert max(counts(replicas)) == 5  # 1.25 × target_inflight
    assert gateway.control.of("hold") == []


def test_beyond_the_bound_the_least_busy_replica_is_chosen(gateway: Gateway) -> None:
    replicas = four(gateway, "session")
    with at_once(gateway, replicas, ["same"] * 40):
        assert counts(replicas) == [10, 10, 10, 10]
    assert gateway.control.of("hold") == []


def test_many_sessions_load_no_replica_much_more_than_others(gateway: Gateway) -> None:
    replicas = four(gateway, "session")
    with at_once(gateway, replicas, [f"chat-{number}" for number in range(16)]):
        assert max(counts(replicas)) <= 5


def test_a_browser_gets_a_session_cookie_with_its_first_page(gateway: Gateway) -> None:
    replicas = four(gateway, "session")
    first = gateway.call("/session/", headers=[PAGE])
    (cookie,) = first.all("Set-Cookie")
    pair, *attributes = cookie.split("; ")
    assert pair.startswith("io_session=")
    assert attributes == ["Path=/session/", "HttpOnly", "SameSite=Lax"]
    for _ in range(5):
        again = gateway.call("/session/x", headers=[("Cookie", pair), PAGE])
        assert again.all("Set-Cookie") == []
        assert again.all("X-Request-ID") != []
    assert len(reached(replicas)) == 1


def test_the_header_counts_more_than_the_cookie(gateway: Gateway) -> None:
    replicas = four(gateway, "session")
    for number in range(8):
        headers = [("X-Session-ID", "chat"), ("Cookie", f"io_session={number}"), PAGE]
        assert gateway.call("/session/x", headers=headers).all("Set-Cookie") == []
    assert len(reached(replicas)) == 1


def test_without_an_id_replicas_take_turns(gateway: Gateway) -> None:
    replicas = four(gateway, "session")
    for _ in range(40):
        assert gateway.call("/session/x").all("Set-Cookie") == []
    assert min(counts(replicas)) >= 8


@pytest.mark.parametrize(
    ("route", "first", "same", "other"),
    [
        ("user", {"user": "ann"}, {"n": 1, "user": "ann"}, {"user": "u{}"}),
        (
            "user",
            {"user": "a\nb"},
            {"messages": [{"role": "user"}], "user": "a\nb"},
            {"user": "{}"},
        ),
        (
            "prefix",
            {"messages": [{"role": "system", "content": "x" * 300}, {"content": "1"}]},
            {"n": 2, "messages": [{"role": "system", "content": "x" * 300}, {"content": "2"}]},
            {"messages": [{"role": "user", "content": "{}"}]},
        ),
        (
            "prefix",
            {"messages": [{"content": "1"}], "prompt_cache_key": "k"},
            {"prompt_cache_key": "k", "messages": [{"content": "2"}]},
            {"messages": [{"content": "1"}], "prompt_cache_key": "k{}"},
        ),
        ("prefix", {"prompt": "p" * 256 + "1"}, {"prompt": "p" * 256 + "2"}, {"prompt": "{}"}),
    ],
)
def test_a_json_body_decides(
    gateway: Gateway, route: str, first: object, same: object, other: object
) -> None:
    replicas = four(gateway, route)

    def send(body: object, indent: int | None = None) -> None:
        data = json.dumps(body, indent=indent).encode()
        assert gateway.call(f"/{route}/v1/x", "POST", body=data).status == 200

    for _ in range(3):
        send(first)
        send(same)
    assert len(reached(replicas)) == 1
    for number in range(20):
        send(json.loads(json.dumps(other).replace("{}", str(number))))
    assert len(reached(replicas)) > 1
    if route == "user":  # however the JSON is laid out
        send(first)
        send(first, indent=2)
        assert len(reached(replicas)) == 1


def test_a_long_body_is_read_and_a_larger_one_takes_turns(gateway: Gateway) -> None:
    replicas = four(gateway, "user")
    for size in (900_000, 200_000):
        data = json.dumps({"text": "x" * size, "user": "ann"}).encode()
        for _ in range(4):
            assert gateway.call("/user/x", "POST", body=data).status == 200
        assert gateway.call("/user/x", "POST", body=iter([data])).status == 200  # chunked
    assert len(reached(replicas)) == 1
    data = json.dumps({"text": "x" * 2_000_000, "user": "ann"}).encode()
    for _ in range(8):
        assert gateway.call("/user/x", "POST", body=data).status == 200
    assert len(reached(replicas)) > 1


def test_absent_replicas_do_not_matter_to_a_session(gateway: Gateway) -> None:
    only = gateway.replica("session", 0)
    for number in range(40):
        assert ask(gateway, f"chat-{number}").status == 200
    assert len(only.seen) == 40
    assert gateway.control.of("hold") == []


def test_one_replica_needs_no_affinity(gateway: Gateway) -> None:
    gateway.warm("single")
    assert gateway.call("/single/", headers=[PAGE]).all("Set-Cookie") == []


def test_sessions_are_kept_over_several_connections(gateway: Gateway) -> None:
    replicas = gateway.replicas("spread", 2)
    for number in range(10):
        for _ in range(4):
            assert ask(gateway, f"chat-{number}", "/spread/x").status == 200
        assert len(reached(replicas)) == 1

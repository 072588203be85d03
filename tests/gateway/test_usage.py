"""Every request is counted once: across rotations, and whenever the one who counts is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from service_management.controller.follower import Follower, Logs
from service_management.gateway.rotate import files
from service_management.store import Store
from tests.gateway import client
from tests.gateway.gateway import Gateway
from tests.gateway.services import service
from tests.gateway.waiting import until

ROOT = Path(__file__).resolve().parents[2]
REQUESTS, PIPELINED = 20_000, 100
LIMIT = 1_500_000  # bytes: a line has about 400
ROTATIONS = 3
ONE = b"GET /counted/nothing HTTP/1.1\r\nHost: x\r\nUser-Agent: twenty-thousand\r\n\r\n"
LAST = ONE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def send(gateway: Gateway, requests: int) -> None:
    """Pipelined, a hundred to a connection; each is answered 404."""
    for _ in range(requests // PIPELINED):
        with client.connect(gateway.port) as connection:
            connection.sendall(ONE * (PIPELINED - 1) + LAST)
            answers = b"".join(iter(lambda: connection.recv(1 << 20), b""))
        assert answers.count(b"HTTP/1.1 404 ") == PIPELINED


@contextmanager
def following(gateway: Gateway, url: str) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-m", "tests.gateway.follow", str(gateway.run_dir), url, str(LIMIT)]
    process = subprocess.Popen(argv, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def counted(store: Store, gateway: Gateway) -> int:
    usage = Follower(store, Logs(gateway.settings, LIMIT)).usage
    return sum(usage.services["counted"].statuses.values()) if "counted" in usage.services else 0


def test_no_request_is_lost_or_counted_twice_across_rotations_and_kills(
    make_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway, url = make_gateway(service("counted", "/x")), f"sqlite:///{tmp_path / 'state.db'}"
    store = Store(url)
    rounds = 5
    try:
        for number in range(1, rounds + 1):
            before = counted(store, gateway)
            with following(gateway, url):
                send(gateway, REQUESTS // rounds)
                # Killed as soon as it has begun, wherever it is.
                until(lambda: counted(store, gateway) > before, seconds=30)  # noqa: B023
            assert counted(store, gateway) <= REQUESTS * number // rounds
        with following(gateway, url):
            until(lambda: counted(store, gateway) >= REQUESTS, seconds=60)
            until(lambda: len(files(gateway.settings.access_log)) == ROTATIONS + 1, seconds=20)
        usage = Follower(store, Logs(gateway.settings, LIMIT)).usage
    finally:
        store.close()
    assert usage.services["counted"].statuses == {"404": REQUESTS}
    assert (usage.malformed, usage.lost) == (0, 0)


def test_nginx_writes_on_into_a_fresh_log(make_gateway: Callable[..., Gateway], tmp_path) -> None:
    gateway = make_gateway(service("counted", "/x"))
    store = Store(f"sqlite:///{tmp_path / 'state.db'}")
    follower = Follower(store, Logs(gateway.settings, 10_000))
    log = gateway.settings.access_log

    def rotated(times: int) -> bool:
        follower.step()
        return len(files(log)) == times + 1

    try:
        for times in (1, 2):
            send(gateway, 100)
            until(lambda: rotated(times))  # noqa: B023
        until(lambda: follower.step() or sum_of(follower) == 200)
        log.unlink(missing_ok=True)  # as a crash leaves it between renaming and telling nginx
        until(lambda: follower.step() or log.exists())
        send(gateway, 100)
        until(lambda: follower.step() or sum_of(follower) == 300)
    finally:
        store.close()


def sum_of(follower: Follower) -> int:
    return sum(follower.usage.services["counted"].statuses.values())

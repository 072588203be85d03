"""Every request is counted once: across rotations, and whenever the counting process is killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from service_management.store import Store
from service_management.usage.follower import Follower, Logs
from service_management.usage.rotation import files
from tests.gateway import client
from tests.gateway.gateway import Gateway
from tests.gateway.services import service
from tests.gateway.waiting import until

ROOT = Path(__file__).resolve().parents[2]
REQUESTS, PIPELINED = 100_000, 100
ROUNDS = 5
LIMIT = 1_000_000  # bytes: a line has about 57, so there are five or six rotations
ROTATIONS = 3  # at least
ONE = b"GET /counted/nothing HTTP/1.1\r\nHost: x\r\nUser-Agent: a-hundred-thousand\r\n\r\n"
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


class LogKeeper:
    """Keeps every log file by a second name: all that nginx wrote, also after it was deleted."""

    def __init__(self, log: Path, kept: Path) -> None:
        self._log, self._kept = log, kept
        kept.mkdir()

    def look(self) -> None:
        for file in files(self._log):
            draft = self._kept / "draft"
            with contextlib.suppress(FileNotFoundError):  # renamed just now: seen next time
                os.link(file, draft)
                draft.rename(self._kept / str(draft.stat().st_ino))
            draft.unlink(missing_ok=True)  # of a file that is kept already

    def files(self) -> int:
        return len(list(self._kept.iterdir()))

    def lines(self) -> int:
        return sum(file.read_bytes().count(b"\tcounted\t") for file in self._kept.iterdir())


def test_requests_are_counted_once_across_rotations_and_kills(
    make_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway, url = make_gateway(service("counted", "/x")), f"sqlite:///{tmp_path / 'state.db'}"
    store, kept_logs = Store(url), LogKeeper(gateway.settings.counts_log, tmp_path / "kept")

    def reached(count: int) -> bool:
        kept_logs.look()
        return counted(store, gateway) >= count

    try:
        for number in range(ROUNDS):
            before = counted(store, gateway)
            with following(gateway, url):
                for _ in range(REQUESTS // ROUNDS // PIPELINED):
                    send(gateway, PIPELINED)
                    kept_logs.look()
                # Killed as soon as it has counted some of them, wherever it is.
                until(lambda: reached(before + 1), seconds=30)  # noqa: B023
            assert counted(store, gateway) <= REQUESTS // ROUNDS * (number + 1)
        with following(gateway, url):
            until(lambda: reached(REQUESTS), seconds=60)
        usage = Follower(store, Logs(gateway.settings, LIMIT)).usage
    finally:
        store.close()
    assert usage.services["counted"].statuses == {"404": REQUESTS}
    assert (usage.malformed, usage.lost) == (0, 0)
    assert kept_logs.lines() == REQUESTS
    assert kept_logs.files() > ROTATIONS


def test_nginx_writes_on_into_a_fresh_log(make_gateway: Callable[..., Gateway], tmp_path) -> None:
    gateway = make_gateway(service("counted", "/x"))
    store = Store(f"sqlite:///{tmp_path / 'state.db'}")
    follower = Follower(store, Logs(gateway.settings, 2_000))
    log = gateway.settings.counts_log

    sent = 0

    def rotated(times: int) -> bool:
        """A worker that has not reopened its log yet writes into the rotated file."""
        nonlocal sent
        send(gateway, 100)
        sent += 100
        follower.step()
        return len(files(log)) > times

    try:
        until(lambda: rotated(1))
        until(lambda: rotated(2))
        until(lambda: follower.step() or sum_of(follower) == sent)
        log.unlink(missing_ok=True)  # as a crash leaves it between renaming and telling nginx
        until(lambda: follower.step() or log.exists())
        send(gateway, 100)
        until(lambda: follower.step() or sum_of(follower) == sent + 100)
    finally:
        store.close()


def sum_of(follower: Follower) -> int:
    return sum(follower.usage.services["counted"].statuses.values())

"""Positions and totals are saved together; removed services are forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service_management.gateway.gateway_settings import GatewaySettings
from service_management.store import Store
from service_management.usage.follower import FORGOTTEN_AFTER, PACE, SHARE, Follower, Logs
from service_management.usage.log_reader import STEP, WRITTEN_WITHIN
from tests.unit.usage.log_lines import ENDED, line, notable_line, old_line

LONG = 3 * STEP // 2 // len(line("a"))  # lines: more than are read in one step


class DiskFull(Store):
    """Cannot be written."""

    def save_usage(self, position: Any, changed: Any, forgotten: Any = ()) -> None:
        raise OSError("No space left on device")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    settings = GatewaySettings(run_dir=Path("/run/io-nobody"))
    object.__setattr__(settings, "run_dir", tmp_path)  # no socket is made: it may be long
    settings.log_dir.mkdir()
    return Logs(settings, 1000)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url)
    yield store
    store.close()


@pytest.fixture
def broken(url: str) -> Iterator[Store]:
    """The same database, on a full disk."""
    broken = DiskFull(url)
    yield broken
    broken.close()


def append(logs: Logs, count: int) -> None:
    with logs.settings.counts_log.open("ab") as log:
        log.writelines([line("a") + b"\n"] * count)


def counted(follower: Follower) -> int:
    service = follower.usage.services.get("a")
    return sum(service.statuses.values()) if service else 0


def test_the_next_process_goes_on_where_the_last_one_saved(store: Store, logs: Logs) -> None:
    append(logs, 3)
    first = Follower(store, logs)
    first.step()
    append(logs, 2)
    second = Follower(store, logs)
    assert counted(second) == 3
    second.step()
    assert counted(second) == 5
    assert counted(Follower(store, logs)) == 5


def test_the_log_of_the_previous_version_is_counted_once(store: Store, logs: Logs) -> None:
    """Its nginx workers go on writing into it until their last stream has ended."""
    with logs.settings.access_log.open("ab") as log:
        log.write(old_line() + b"\n")
        follower = Follower(store, logs)
        follower.step()
        append(logs, 1)
        log.write(notable_line() + b"\n" + old_line() + b"\n")
    follower.step()
    assert counted(follower) == 3
    assert follower.usage.malformed == 0


def test_lines_are_read_again_if_saving_fails(broken: Store, store: Store, logs: Logs) -> None:
    append(logs, 3)
    follower = Follower(broken, logs)
    with pytest.raises(OSError, match="No space"):
        follower.step()
    assert counted(follower) == 0
    again = Follower(store, logs)
    again.step()
    assert counted(again) == 3


def test_nothing_is_written_without_new_lines(broken: Store, logs: Logs) -> None:
    Follower(broken, logs).step()


def test_the_last_request_is_known_once_the_log_is_read(store: Store, logs: Logs) -> None:
    append(logs, LONG)
    follower, begun = Follower(store, logs), time.time()
    assert follower.last_request("a", begun) is None
    assert follower.step()  # there is more to read
    assert follower.last_request("a", 0.0) is None
    while follower.step():
        pass
    found = follower.last_request("a", begun - WRITTEN_WITHIN)
    assert found == pytest.approx(ENDED + 1, abs=0.1)
    assert follower.last_request("b", begun - WRITTEN_WITHIN) == 0.0
    assert follower.last_request("a", time.time()) is None  # its lines may still be in a buffer


def test_the_longest_request_is_what_the_most_do_not_exceed(store: Store, logs: Logs) -> None:
    follower, log = Follower(store, logs), logs.settings.counts_log
    assert follower.longest_request("a") is None
    lines = [line("a", seconds=0.3)] * 99 + [line("b", seconds=400)] * 99
    lines += [line("a", seconds=4000), line("b", seconds=4000)]
    log.write_bytes(b"".join(each + b"\n" for each in lines))
    follower.step()
    assert (follower.longest_request("a"), follower.longest_request("b")) == (0.5, 3600)


def test_the_last_request_is_unknown_while_saving_fails(broken: Store, logs: Logs) -> None:
    append(logs, 1)
    follower = Follower(broken, logs)
    with pytest.raises(OSError, match="No space"):
        follower.step()
    assert follower.last_request("a", 0.0) is None


def test_a_long_log_is_read_step_by_step(store: Store, logs: Logs) -> None:
    append(logs, LONG)
    follower = Follower(store, logs)
    steps = 1
    while follower.step():
        steps += 1
    assert steps > 1
    assert counted(follower) == LONG


def test_a_removed_service_is_forgotten_after_a_while(store: Store, logs: Logs) -> None:
    existing = {"a"}
    follower = Follower(store, logs, existing=lambda: existing)
    append(logs, 1)
    with logs.settings.counts_log.open("ab") as log:
        log.write(line("") + b"\n")
    follower.step()
    existing.clear()
    follower.forget_removed(10.0)
    follower.forget_removed(10.0 + FORGOTTEN_AFTER - 1)
    assert counted(follower) == 1
    follower.forget_removed(10.0 + FORGOTTEN_AFTER)
    assert follower.usage.services.keys() == {""}
    assert Follower(store, logs).usage.services.keys() == {""}


def test_a_service_that_comes_back_keeps_its_totals(store: Store, logs: Logs) -> None:
    existing: set[str] = set()
    follower = Follower(store, logs, existing=lambda: existing)
    append(logs, 1)
    follower.step()
    follower.forget_removed(10.0)
    existing.add("a")
    follower.forget_removed(11.0)
    existing.clear()
    follower.forget_removed(10.0 + FORGOTTEN_AFTER)
    assert counted(follower) == 1


def test_its_pauses_are_longer_than_its_steps(store: Store, logs: Logs) -> None:
    append(logs, LONG)
    follower = Follower(store, logs)
    begun = time.thread_time()
    behind = follower.paced_step()
    worked = time.thread_time() - begun
    assert worked < behind < worked / SHARE
    while follower.step():
        pass
    assert follower.paced_step() >= PACE


def test_it_stops(store: Store, logs: Logs) -> None:
    follower = Follower(store, logs)
    follower.stop(patience=0)
    follower.run()
    assert counted(follower) == 0

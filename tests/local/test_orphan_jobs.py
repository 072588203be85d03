"""`orchestrator down` and a control plane that is still ending. The login refuses connections."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from dataclasses import replace
from pathlib import Path

import pytest

from service_management import settings
from service_management.controller.job_spec import JobSpec
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job
from service_management.lifecycle.states import State
from service_management.native import orphan_jobs
from service_management.settings import Settings
from service_management.ssh.login import Login
from service_management.store import Store
from tests.stack.stack import free_port
from tests.unit.records import a_record, only


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    places = {name: str(tmp_path / name[0]) for name in ("RUN_DIR", "STATE_DIR", "SPOOL_DIR")}
    return settings.parse({**settings.DEFAULTS, **places}, tmp_path)


@pytest.fixture
def store(chosen: Settings) -> Iterator[Store]:
    store = Store(chosen.database_url)
    yield store
    store.close()


def test_down_reads_the_store_once_it_has_the_lock(
    chosen: Settings, store: Store, tmp_path: Path
) -> None:
    """A submission that the ending control plane stores meanwhile is cancelled too."""
    key = tmp_path / "key"
    key.touch(0o600)
    login = Login("alice", "127.0.0.1", free_port(), str(key))
    job = Job("io-x.r.0.8000.abc", 8000, time.time(), JobSpec(login, "run.sh", 8000).dump(), "7")
    with (chosen.state_dir / "controller.lock").open("w") as held, ThreadPoolExecutor(1) as pool:
        fcntl.flock(held, fcntl.LOCK_EX)
        cancelling = pool.submit(orphan_jobs.cancel, chosen, print)
        with pytest.raises(TimeoutError):
            cancelling.result(0.3)
        store.save([a_record("r", State.QUEUED, job=job)])
        fcntl.flock(held, fcntl.LOCK_UN)
        assert [str(left).count("7 (io-x.r.0.8000.abc)") for left in cancelling.result(60)] == [1]


def test_down_names_the_jobs_whose_record_it_cannot_read(chosen: Settings, store: Store) -> None:
    job = Job("io-x.r.0.8000.abc", 8000, time.time(), "not a spec", "7")
    store.save([a_record("r", State.READY, job=job)])
    (left,) = orphan_jobs.cancel(chosen, print)
    assert "cannot be read" in str(left)
    assert "7 (io-x.r.0.8000.abc)" in str(left)
    assert only(store.load()["r"]).job == job


def test_down_cancels_abandoned_jobs_too(chosen: Settings, store: Store) -> None:
    job = Job("io-x.r.s0.abc", 8000, time.time(), "not a spec", "7")
    store.save([ServiceRecord("r", abandoned=(job,))])
    (left,) = orphan_jobs.cancel(chosen, print)
    assert "7 (io-x.r.s0.abc)" in str(left)
    assert store.load()["r"].abandoned == (job,)


def test_down_settles_no_service_of_which_a_job_may_be_left(chosen: Settings, store: Store) -> None:
    job = Job("io-x.r.s0.abc", 8000, time.time(), "not a spec", "7")
    record = a_record("r", State.READY, job=job)
    second = replace(only(record), slot=1, job=replace(job, name="io-x.r.s1.def", job_id="8"))
    two = record.with_replica(second)
    store.save([two])
    (left,) = orphan_jobs.cancel(chosen, print)
    assert "7 (io-x.r.s0.abc), 8 (io-x.r.s1.def)" in str(left)
    assert store.load()["r"] == two

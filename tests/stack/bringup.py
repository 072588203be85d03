"""A cluster and a gateway for a while; nothing is left of them, also when starting them fails."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from demo.cluster import Cluster
from tests.stack.stack import ROOT, Stack
from tests.stack.waiting import wait_for

AnyStack = TypeVar("AnyStack", bound=Stack)


@contextmanager
def hosts(directory: Path) -> Iterator[Cluster]:
    cluster = Cluster.up("hosts", directory)
    try:
        yield cluster
    finally:
        cluster.down()


def new_run_dir() -> Path:
    return Path(tempfile.mkdtemp(prefix="io", dir="/run"))  # sockets' names have to be short


@contextmanager
def running(stack: AnyStack) -> Iterator[AnyStack]:
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
        shutil.rmtree(stack.run_dir, ignore_errors=True)


@contextmanager
def gateway(cluster: Cluster, state_dir: Path, root: Path = ROOT) -> Iterator[Stack]:
    with running(Stack(cluster, state_dir, new_run_dir(), root)) as stack:
        yield stack


def empty(stack: Stack) -> None:
    """Without services, and without their jobs, as the next test expects it."""
    print(stack.log_tails())  # pytest shows it where the test failed
    if not stack.control_pids():
        stack.up()
    stack.wait_until_alive()
    stack.cluster.cancel_all()
    stack.write([])
    wait_for("no service is left", lambda: _nothing_configured(stack), 30)
    wait_for("no job is left", lambda: not stack.jobs(), 20)


def _nothing_configured(stack: Stack) -> bool:
    """Nor a problem left of a file that was refused."""
    info = stack.info()
    return not info["services"] and info["config_error"] is None

"""`orchestrator upgrade` beyond the good case: a version that does not start, one installed
elsewhere, nothing to upgrade."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.connections_and_jobs import connections_and_jobs
from tests.stack.installation import install, raise_version
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


@pytest.fixture
def ready(stack: Stack, route: str) -> str:
    stack.configure(stack.entry(route))
    assert stack.client.get(f"/{route}/echo").status_code == 200
    return route


@pytest.fixture
def elsewhere(stack: Stack, tmp_path: Path) -> Iterator[Path]:
    """A second place; afterwards the gateway runs from its first one again."""
    first = stack.root
    yield install(tmp_path / "second")
    stack.root = first
    stack.orchestrator("upgrade")


def _version(stack: Stack) -> str:
    return str(stack.client.get("/healthz").json()["version"])


def test_a_broken_version_cuts_nothing_and_can_be_replaced(stack: Stack, ready: str) -> None:
    """The next version starts."""
    app = stack.root / "service_management" / "app.py"
    good, before = app.read_text(), connections_and_jobs(stack)
    app.write_text("raise ImportError('half an upgrade')\n")
    argv = [sys.executable, "-m", "service_management.cli", "upgrade"]
    upgrade = subprocess.Popen(
        argv, cwd=stack.root, env=stack.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_for("it fails", lambda: "half an upgrade" in stack.log(), 30)
        assert stack.client.get(f"/{ready}/echo").status_code == 200
        assert upgrade.poll() is None
    finally:
        app.write_text(good)
        said, _ = upgrade.communicate(timeout=90)

    assert upgrade.returncode == 0, said
    assert connections_and_jobs(stack).changes_since(before) == []
    assert stack.state(ready) == "ready"


def test_version_installed_elsewhere_takes_over_and_nginx_stays(
    stack: Stack, ready: str, elsewhere: Path
) -> None:
    nginx, before = (stack.run_dir / "nginx" / "nginx.pid").read_text(), connections_and_jobs(stack)
    version = raise_version(elsewhere)
    stack.root = elsewhere

    stack.orchestrator("upgrade")

    assert _version(stack) == version
    assert (stack.run_dir / "nginx" / "nginx.pid").read_text() == nginx
    assert connections_and_jobs(stack).changes_since(before) == []
    assert stack.client.get(f"/{ready}/echo").status_code == 200


def test_where_nothing_runs_it_is_said(cluster, tmp_path: Path) -> None:
    nothing = Stack(cluster, tmp_path, Path("/run/io-nowhere"), install(tmp_path / "installed"))
    done = nothing.orchestrator("upgrade", check=False)
    assert done.returncode == 1
    assert "no gateway is running here" in done.stderr

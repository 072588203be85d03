"""Naive: what everyone writes first. nginx mirrors each request to Flask, which keeps a timer, and
passes it on to sshtunnel's port, all with the defaults."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.baselines.programs import listens, nginx, running
from benchmarks.endpoint import ROOT, Endpoint
from demo.cluster import Cluster
from tests.stack.stack import free_port

CONFIG = """\
access_log off;
server {{
    listen 127.0.0.1:{port};
    location / {{
        mirror /demand_service;
        proxy_pass http://127.0.0.1:{tunnel};
    }}
    location = /demand_service {{
        internal;
        proxy_pass http://127.0.0.1:{flask}/demand_service;
    }}
}}
"""


@contextmanager
def naive(cluster: Cluster, directory: Path, node: str, port: int) -> Iterator[Endpoint]:
    directory.mkdir(parents=True, exist_ok=True)
    here, flask, tunnel = free_port(), free_port(), free_port()
    config = CONFIG.format(port=here, flask=flask, tunnel=tunnel)
    login = {
        "LOGIN": f"{cluster.ssh_user}@{cluster.ssh_host}:{cluster.ssh_port}",
        "KEY": str(cluster.key_file),
        "SERVICE": f"{node}:{port}",
        "TUNNEL": str(tunnel),
    }
    application = "benchmarks.baselines.naive_app:app"
    gunicorn = [sys.executable, "-m", "gunicorn", "--threads", "8", "--no-control-socket"]
    gunicorn += ["--bind", f"127.0.0.1:{flask}", application]
    with (
        running(
            gunicorn,
            directory / "flask.log",
            lambda: listens(flask) and listens(tunnel),
            **{**os.environ, "PYTHONPATH": str(ROOT), **login},
        ),
        running(nginx(directory, config), directory / "nginx.log", lambda: listens(here)),
    ):
        yield Endpoint("naive", "127.0.0.1", here)

"""Proxies that start nothing: HAProxy over one ssh forward, and Caddy beside the service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.baselines import bare
from benchmarks.baselines.programs import listens, running
from benchmarks.endpoint import Endpoint
from benchmarks.peers.installed import find
from demo.cluster import Cluster
from tests.stack.stack import free_port

HAPROXY = """\
global
    maxconn 4000
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    http-reuse always
frontend gateway
    bind 127.0.0.1:{port}
    default_backend service
backend service
    server only unix@{socket}
"""
CADDY = """\
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    bind 127.0.0.1
    route {{
        {starter}
        reverse_proxy 127.0.0.1:{service}
    }}
}}
"""


@contextmanager
def haproxy(cluster: Cluster, directory: Path, node: str, port: int) -> Iterator[Endpoint]:
    program = find("haproxy")
    directory.mkdir(parents=True)
    socket, here, config = directory / "service.sock", free_port(), directory / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=here, socket=socket))
    tunnel = bare.ssh(cluster, socket, node, port)
    with (
        running(tunnel, directory / "ssh.log", socket.exists),
        running(
            [program, "-db", "-f", str(config)], directory / "haproxy.log", lambda: listens(here)
        ),
    ):
        yield Endpoint("HAProxy + ssh", "127.0.0.1", here)


@contextmanager
def caddy(
    directory: Path, service: int, program: str = "caddy", starter: str = ""
) -> Iterator[Endpoint]:
    """`starter`: a directive that sees each request first."""
    found = find(program)
    directory.mkdir(parents=True)
    here, config = free_port(), directory / "Caddyfile"
    config.write_text(CADDY.format(port=here, service=service, starter=starter))
    argv = [found, "run", "--config", str(config), "--adapter", "caddyfile"]
    with running(argv, directory / "caddy.log", lambda: listens(here)):
        yield Endpoint("Caddy + Sablier" if starter else "Caddy", "127.0.0.1", here)

"""Sablier: starts a container when a proxy asks for it, and says when it is ready."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.baselines.programs import listens, nginx, running
from benchmarks.endpoint import Endpoint
from benchmarks.peers.container import NAME, Container, container
from benchmarks.peers.installed import find
from benchmarks.peers.proxies import caddy
from tests.stack.stack import free_port

# nginx asks Sablier before each request, as Sablier's own plugins do; there is none for this nginx.
NGINX = """\
access_log off;
upstream service {{ server 127.0.0.1:{service}; keepalive 256; keepalive_requests 1000000; }}
upstream sablier {{ server 127.0.0.1:{sablier}; keepalive 256; keepalive_requests 1000000; }}
proxy_http_version 1.1;
proxy_set_header Connection "";
keepalive_requests 1000000;
server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
        auth_request /sablier;
        proxy_pass http://service;
    }}
    location = /sablier {{
        internal;
        proxy_pass http://sablier/api/strategies/blocking?names={name}&session_duration=1h;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_read_timeout 120s;
    }}
}}
"""
CADDY = """\
sablier http://127.0.0.1:{sablier} {{
            names {name}
            session_duration 1h
            blocking {{
                timeout 1m
            }}
        }}"""


@contextmanager
def sablier(
    directory: Path, proxy: str, load_seconds: float
) -> Iterator[tuple[Endpoint, Container]]:
    """Behind `nginx` or `caddy`."""
    program = find("sablier")
    here, service = free_port(), free_port()
    with container(directory / "container", service, load_seconds) as (one, socket):
        argv = [program, "start", "--provider.name=docker", f"--server.port={here}"]
        argv += ["--logging.level=warn"]
        environment = {**os.environ, "DOCKER_HOST": f"unix://{socket}"}
        with (
            running(argv, directory / "sablier.log", lambda: listens(here), **environment),
            _behind(proxy, directory / proxy, here, service) as endpoint,
        ):
            yield endpoint, one


@contextmanager
def _behind(proxy: str, directory: Path, port: int, service: int) -> Iterator[Endpoint]:
    if proxy == "caddy":
        starter = CADDY.format(sablier=port, name=NAME)
        with caddy(directory, service, "caddy-sablier", starter) as endpoint:
            yield endpoint
        return
    here = free_port()
    config = NGINX.format(port=here, service=service, sablier=port, name=NAME)
    with running(nginx(directory, config), directory / "nginx.log", lambda: listens(here)):
        yield Endpoint("nginx + Sablier", "127.0.0.1", here)

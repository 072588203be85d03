"""The naive design's control plane: a tunnel, a timer, and a route called for each request."""

from __future__ import annotations

import os
import threading

import paramiko
import sshtunnel
from flask import Flask

TIMEOUT = 3600.0

app = Flask(__name__)
_lock = threading.Lock()
_timer = threading.Timer(TIMEOUT, lambda: None)


def _tunnel() -> sshtunnel.SSHTunnelForwarder:
    user, _, place = os.environ["LOGIN"].partition("@")
    host, _, port = place.partition(":")
    node, _, service_port = os.environ["SERVICE"].partition(":")
    forwarder = sshtunnel.SSHTunnelForwarder(
        (host, int(port)),
        ssh_username=user,
        ssh_pkey=paramiko.Ed25519Key.from_private_key_file(os.environ["KEY"]),
        remote_bind_address=(node, int(service_port)),
        local_bind_address=("127.0.0.1", int(os.environ["TUNNEL"])),
        allow_agent=False,
        host_pkey_directories=[],
    )
    forwarder.start()
    return forwarder


tunnel = _tunnel()


@app.route("/demand_service", methods=["GET", "POST", "PUT"])
def demand_service() -> str:
    global _timer  # noqa: PLW0603 - as everyone writes it
    with _lock:
        if not tunnel.is_active:
            tunnel.restart()
        _timer.cancel()
        _timer = threading.Timer(TIMEOUT, tunnel.stop)
        _timer.daemon = True
        _timer.start()
    return ""

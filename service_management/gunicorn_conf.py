"""gunicorn's configuration: one worker, because lifecycle state has one owner."""

import os
import sys
from typing import Any

from service_management import settings
from service_management.host import layout, logs, parent_death, ports

_CHOSEN = settings.read()
_SOCKET = layout.control_socket(_CHOSEN)


def _addresses() -> list[str]:
    """The socket, and the port for programs that read /info or /metrics there (api/access.py). If
    another process has taken the port, the control plane must start without it."""
    error = ports.complaint("127.0.0.1", _CHOSEN.flask_port)
    if error is None:
        return [f"unix:{_SOCKET}", f"127.0.0.1:{_CHOSEN.flask_port}"]
    text = ports.sentence("127.0.0.1", _CHOSEN.flask_port, error)
    print(f"ML_SERVICE_FLASK_PORT: {text}; starting without it", file=sys.stderr, flush=True)
    return [f"unix:{_SOCKET}"]


bind = _addresses()
umask = layout.socket_mask(_CHOSEN)  # the mode of the socket, and of nothing else
worker_class = "gthread"
workers = 1
threads = _CHOSEN.hold_threads + 64  # a held request waits in a thread
worker_connections = threads + 256
backlog = 4096
keepalive = 5
timeout = 90  # a new worker may have to wait for its predecessor's lock
graceful_timeout = 3  # held requests are refused with Retry-After instead of being waited for
control_socket_disable = True
# Larger than nginx's limit (32 KB), so that nginx refuses, with a problem document.
limit_request_line = 0  # unlimited; for the next one 0 would mean the default, 8 KB
limit_request_field_size = 65536
accesslog = None  # nginx has the access log
errorlog = "-"
loglevel = "warning"
logconfig_dict = logs.gunicorn_config(_CHOSEN.log_format)


def post_fork(_arbiter: Any, worker: Any) -> None:
    """An orphaned worker would keep the lock and the port until its last held request ends, a
    minute or more, and the next control plane would wait for it."""
    parent_death.end_with_parent(worker.ppid)


def on_starting(_arbiter: Any) -> None:
    """Before gunicorn binds its sockets."""
    _SOCKET.parent.mkdir(parents=True, exist_ok=True)


def when_ready(_arbiter: Any) -> None:
    """gunicorn gives the socket its own group; nginx's workers need theirs, as on the directory."""
    if layout.nginx_user(_CHOSEN):
        os.chown(_SOCKET, -1, _CHOSEN.run_dir.stat().st_gid)


def worker_exit(_arbiter: Any, worker: Any) -> None:
    """Finish the controller's current pass, if there is time. While requests are held there is not:
    they outlast `graceful_timeout`, and the arbiter kills the worker, which is as safe."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["stop"]()

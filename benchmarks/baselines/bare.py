"""Bare: nginx with keep-alive, and one tuned `ssh -L` to a unix socket. The cost of the way itself.

No mirror, no control plane. nginx does what it does by default: it logs (buffered, as the product
does), and takes a request's body before it passes it on. The variants are the same without that.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.baselines.programs import listens, nginx, running
from benchmarks.endpoint import Endpoint
from demo.cluster import Cluster
from tests.stack.stack import free_port

NO_LOG, STREAMING = "bare, no log", "bare, streaming"
CONFIG = """\
access_log {log};
sendfile on;
tcp_nodelay on;
client_max_body_size 0;
client_body_buffer_size 64k;
keepalive_requests 1000000;
upstream service {{
    server unix:{socket};
    keepalive 256;
    keepalive_requests 1000000;
}}
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_read_timeout 600s;
server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://service; {buffering} }}
    location /sse {{ proxy_pass http://service; proxy_buffering off; }}
}}
"""


@contextmanager
def bare(
    cluster: Cluster, directory: Path, node: str, port: int, name: str = "bare"
) -> Iterator[Endpoint]:
    directory.mkdir(parents=True, exist_ok=True)
    socket, here = directory / "service.sock", free_port()
    config = CONFIG.format(
        socket=socket,
        port=here,
        log="off" if name == NO_LOG else "access.log combined buffer=32k flush=1s",
        buffering="proxy_request_buffering off;" if name == STREAMING else "",
    )
    with (
        running(ssh(cluster, socket, node, port), directory / "ssh.log", socket.exists),
        running(nginx(directory, config), directory / "nginx.log", lambda: listens(here)),
    ):
        yield Endpoint(name, "127.0.0.1", here)


def ssh(cluster: Cluster, socket: Path, node: str, port: int) -> list[str]:
    """The options that the product's own connections have, as far as they concern speed."""
    options = (
        "Ciphers=^aes128-gcm@openssh.com",
        "Compression=no",
        "IPQoS=none",
        "BatchMode=yes",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "StreamLocalBindUnlink=yes",
        "ExitOnForwardFailure=yes",
    )
    words = [shutil.which("ssh") or "ssh", "-F", "none", "-L", f"{socket}:{node}:{port}"]
    words += [word for option in options for word in ("-o", option)]
    words += ["-i", str(cluster.key_file), "-p", str(cluster.ssh_port)]
    # With a command, not -N: only for a session does sshd set TCP_NODELAY, without which small
    # answers wait for the client's acknowledgements. It ends with its standard input.
    return [*words, f"{cluster.ssh_user}@{cluster.ssh_host}", "cat"]

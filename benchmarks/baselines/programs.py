"""Programs that a baseline consists of: started, awaited, ended."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.stack.waiting import wait_for


@contextmanager
def running(
    argv: Sequence[str], log: Path, ready: Callable[[], object], **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        env = environment or None
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=output, stderr=output, env=env
        )
    try:
        wait_for(f"{argv[0]} ready (see {log})", lambda: _alive(process, log) and ready(), 20)
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _alive(process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"{process.args!r} ended: {log.read_text(errors='replace')[-500:]}")
    return True


NGINX = """\
daemon off;
user root;
worker_processes auto;
worker_rlimit_nofile 65536;
pid nginx.pid;
events {{ worker_connections 16384; }}
http {{
client_body_temp_path body;
proxy_temp_path proxy;
fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi;
scgi_temp_path scgi;
{http}}}
"""


def nginx(directory: Path, http: str) -> list[str]:
    """Its command line, with its configuration written."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin") or "nginx"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "nginx.conf").write_text(NGINX.format(http=http))
    return [program, "-p", str(directory), "-e", "stderr", "-c", "nginx.conf"]


def listens(port: int) -> bool:
    wanted = f":{port:04X} "
    tables = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    lines = [line for table in tables for line in table.read_text().splitlines()]
    return any(wanted in line and " 0A " in line for line in lines)

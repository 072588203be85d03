"""Large request bodies are bounded, by free space, by client and by time; all else goes on."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from service_management.gateway.spool_guard import SpoolGuard
from tests.gateway.client import connect
from tests.gateway.gateway import Gateway
from tests.gateway.services import service
from tests.gateway.waiting import until

LARGE = 2_000_000


@pytest.fixture
def disk() -> Iterator[Path]:
    """20 MB, on their own."""
    directory = Path(tempfile.mkdtemp(prefix="io-spool-"))
    argv = ["mount", "-t", "tmpfs", "-o", "size=20m", "none", str(directory)]
    subprocess.run(argv, check=True)
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)
    directory.rmdir()


def _begin(gateway: Gateway, stack: ExitStack, size: int) -> None:
    """An upload that does not end."""
    connection = stack.enter_context(connect(gateway.port))
    head = f"POST /whole/x HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE * 20}\r\n\r\n"
    connection.sendall(head.encode() + bytes(size))


def test_with_a_full_spool_only_large_bodies_are_refused(
    make_gateway: Callable[..., Gateway], disk: Path
) -> None:
    gateway = make_gateway(service("whole"), spool_dir=disk)
    gateway.warm("whole")
    guard = SpoolGuard(disk, gateway.settings.spool_flag)
    guard.look()
    assert gateway.call("/whole/x", "POST", body=bytes(LARGE)).status == 200
    with ExitStack() as uploads:
        for _ in range(12):
            _begin(gateway, uploads, LARGE)

        def full() -> bool:
            guard.look()
            return guard.level is not None and guard.level.is_full

        until(full)
        for body in (bytes(LARGE), [bytes(10)]):  # the latter chunked: who knows how long
            refused = gateway.call("/whole/x", "POST", body=body)
            assert (refused.status, refused.one("Retry-After")) == (503, "30")
            assert "SPOOL_DIR" in refused.json()["detail"]
        assert gateway.call("/whole/x", "POST", body=b"small").status == 200
        for path in ("/info", "/admin/x", "/metrics"):
            assert gateway.call(path, "POST", body=b"small").status == 200
        assert gateway.call("/nothing", "POST", body=bytes(LARGE)).status == 404
    until(lambda: not full())
    assert gateway.call("/whole/x", "POST", body=bytes(LARGE)).status == 200


def test_one_client_has_a_bounded_number_of_uploads(gateway: Gateway) -> None:
    gateway.warm("whole")
    with ExitStack() as uploads:
        for _ in range(128):
            _begin(gateway, uploads, 10)

        def full() -> bool:
            """An upload of another test may still have been counted, and one of these refused."""
            status = gateway.call("/whole/x", "POST", body=bytes(LARGE)).status
            if status != 429:
                _begin(gateway, uploads, 10)
            return status == 429

        until(full)
        refused = gateway.call("/whole/x", "POST", body=bytes(LARGE))
        assert refused.one("Content-Type") == "application/problem+json"
        assert gateway.call("/whole/x", "POST", body=b"small").status == 200
        assert gateway.call("/whole/x").status == 200
    until(lambda: gateway.call("/whole/x", "POST", body=bytes(LARGE)).status == 200)


@pytest.mark.parametrize("length", [f"Content-Length: {LARGE}", "Transfer-Encoding: chunked"])
def test_a_body_that_trickles_is_cut_off(make_gateway: Callable[..., Gateway], length: str) -> None:
    gateway = make_gateway(service("whole"), upload_timeout=1)
    upstream = gateway.warm("whole")
    with connect(gateway.port) as connection:
        connection.sendall(f"POST /whole/x HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode())
        connection.sendall(b"%x\r\n%s\r\n" % (LARGE // 2, bytes(LARGE // 2)))
        connection.settimeout(0.1)  # seconds between two bytes, far below client_body_timeout

        def closed() -> bool:
            try:
                connection.sendall(b"1\r\nx\r\n")
                return connection.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        until(closed)
    assert not upstream.seen
    until(lambda: not [path for path in gateway.settings.spool("body").iterdir() if path.is_file()])
    for body in (bytes(LARGE), [bytes(10)]):
        assert gateway.call("/whole/x", "POST", body=body).status == 200

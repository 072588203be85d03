"""A new catalogue takes effect without dropping a request, or not at all and says why."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service_management.config import Catalogue, Service
from service_management.gateway.nginx import NginxRefused
from service_management.gateway.render import render
from tests.gateway.client import connect, read_until
from tests.gateway.gateway import Gateway, free_port
from tests.gateway.services import service
from tests.gateway.waiting import until

Maker = Callable[..., Gateway]


def _files(gateway: Gateway, *services: Service) -> dict[str, str]:
    return render(Catalogue.of(services), gateway.settings)


def _generations(gateway: Gateway) -> list[str]:
    return sorted(path.name for path in gateway.settings.nginx_dir.glob("gen-*"))


def _workers(gateway: Gateway) -> set[str]:
    pid = gateway.nginx.master.pid()
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def test_an_empty_catalogue_is_served_before_there_is_any(make_gateway: Maker) -> None:
    gateway = make_gateway()
    assert gateway.call("/whole/x").status == 404
    assert gateway.call("/healthz").body == b"control /healthz"


def test_ensure_config_keeps_what_is_there(make_gateway: Maker) -> None:
    gateway = make_gateway(service("whole"))
    before = _generations(gateway)
    gateway.nginx.ensure_config()
    assert _generations(gateway) == before


def test_a_service_is_there_as_soon_as_it_is_applied(make_gateway: Maker) -> None:
    gateway = make_gateway(service("one"))
    for number in range(5):
        gateway.serve(service("one"), service(f"two{number}"))
        gateway.warm(f"two{number}")
        assert gateway.call(f"/two{number}/x").status == 200
        assert gateway.call(f"/two{number - 1}/x").status == 404
    assert len(_generations(gateway)) == 1


def test_unchanged_files_reload_nothing(make_gateway: Maker) -> None:
    gateway = make_gateway(service("one"))
    before = _workers(gateway)
    gateway.serve(service("one"))
    assert _workers(gateway) == before


def test_an_occupied_local_port_keeps_the_old_catalogue(
    make_gateway: Maker,
) -> None:
    gateway = make_gateway(service("one"))
    gateway.warm("one")
    before = _generations(gateway)
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        changed = service("two", local_host="127.0.0.1", local_port=port)
        with pytest.raises(NginxRefused, match=rf"127\.0\.0\.1:{port} failed .*in use"):
            gateway.serve(service("one"), changed)
    assert _generations(gateway) == before
    assert gateway.call("/one/x").status == 200
    assert gateway.call("/two/x").status == 404
    gateway.serve(service("one"), changed)
    assert gateway.call("/two/x").status == 503


def test_a_broken_template_is_refused_with_nginxs_message(make_gateway: Maker) -> None:
    gateway = make_gateway(service("one"))
    before = _generations(gateway), _workers(gateway)
    files = _files(gateway, service("one")) | {"services.conf": "locatoin / { }"}
    with pytest.raises(NginxRefused, match=r'^unknown directive "locatoin" in services.conf:1$'):
        gateway.nginx.apply(files)
    assert (_generations(gateway), _workers(gateway)) == before


def test_without_a_running_nginx_the_files_are_only_put_in_place(make_gateway: Maker) -> None:
    gateway = Gateway()
    try:
        gateway.serve(service("one"))
        gateway.settings.pid_file.write_text(f"{os.getpid()}\n")  # another process has the number
        gateway.serve(service("two"))
        gateway.start(service("two"))
        assert gateway.call("/one/x").status == 404
        assert gateway.call("/two/x").status == 503
    finally:
        gateway.stop()


def test_a_reload_that_was_missed_is_made_up_for(make_gateway: Maker) -> None:
    gateway = make_gateway(service("one"))
    files = _files(gateway, service("two"))
    pid = gateway.settings.pid_file.read_text()
    gateway.settings.pid_file.unlink()
    gateway.nginx.apply(files)
    gateway.settings.pid_file.write_text(pid)
    assert gateway.call("/two/x").status == 404
    gateway.nginx.apply(files)
    assert gateway.call("/two/x").status == 503


def test_a_catalogue_that_comes_while_nginx_starts_is_taken_up(tmp_path: Path) -> None:
    """It has read its configuration, and opens its logs before it writes its pid file: one of them
    is a fifo without a reader yet."""
    gateway, fifo = Gateway(), tmp_path / "fifo"
    os.mkfifo(fifo)
    try:
        gateway.serve(service("one"))
        old = gateway.settings.current.readlink()
        log = gateway.settings.current / "snippets" / "log.conf"
        log.write_text(f"{log.read_text()}access_log {fifo};\n")
        status = Path(f"/proc/{gateway.launch()}/stat")
        until(lambda: ") S " in status.read_text())
        with ThreadPoolExecutor(1) as pool:
            applied = pool.submit(gateway.serve, service("two"))
            until(lambda: gateway.settings.current.readlink() != old)
            reader = os.open(fifo, os.O_RDONLY)
        applied.result()
        assert gateway.call("/two/x").status == 503
        os.close(reader)
    finally:
        gateway.stop()


def test_a_frozen_nginx_is_refused_within_bounds(
    make_gateway: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service_management.gateway.nginx_master.RELOAD_SECONDS", 0.3)
    gateway = make_gateway(service("one"))
    pid = gateway.nginx.master.pid()
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(NginxRefused, match="did not take the configuration up"):
            gateway.serve(service("two"))
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: gateway.call("/one/x").status == 503)


def test_a_reload_with_50_streams_running_drops_none(make_gateway: Maker) -> None:
    gateway = make_gateway(service("one"))
    upstream = gateway.warm("one")
    streams = [connect(gateway.port) for _ in range(50)]
    try:
        for stream in streams:
            stream.sendall(b"GET /one/stream HTTP/1.1\r\nHost: x\r\n\r\n")
            read_until(stream, b"data: first")
        gateway.serve(service("one"), service("two", local_host="::1", local_port=free_port()))
        assert gateway.call("/two/x").status == 503
        upstream.script.release.set()
        for stream in streams:
            read_until(stream, b"data: last\n\n\r\n0\r\n\r\n")
    finally:
        for stream in streams:
            stream.close()

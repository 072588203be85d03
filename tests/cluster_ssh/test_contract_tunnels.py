"""The tunnels that every SSH backend promises, on a real sshd."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from service_management.controller.health_check import probe
from service_management.lifecycle.findings import Finding, Saw
from service_management.ssh.connection import Forward
from service_management.ssh.errors import SshError, SshProblem
from tests.cluster_ssh.conftest import logged_in
from tests.cluster_ssh.sshd import Sshd, wait_until
from tests.cluster_ssh.test_contract import bytes_received_through, greeter, server


def test_a_tunnel_leads_to_the_port_until_it_is_closed(backend, sshd: Sshd, short_dir) -> None:
    connection = backend.connection(sshd.login())
    path = short_dir / "tunnels" / "a.sock"
    with greeter(b"hello") as port:
        connection.open_tunnel(path, "127.0.0.1", port)
        assert connection.tunnel_alive(path)
        assert bytes_received_through(path) == b"hello"
        connection.close_tunnel(path)
    assert not path.exists()
    assert not connection.tunnel_alive(path)


def test_two_tunnels_are_independent(backend, sshd: Sshd, short_dir) -> None:
    connection = backend.connection(sshd.login())
    first, second = short_dir / "first.sock", short_dir / "second.sock"
    with greeter(b"one") as one, greeter(b"two") as two:
        for _ in range(2):
            connection.open_tunnel(first, "127.0.0.1", one)
            connection.open_tunnel(second, "127.0.0.1", two)
        connection.close_tunnel(first)
        connection.close_tunnel(first)
        assert not connection.tunnel_alive(first)
        assert bytes_received_through(second) == b"two"


def test_the_same_socket_can_be_led_elsewhere(backend, sshd: Sshd, short_dir: Path) -> None:
    connection = backend.connection(sshd.login())
    path = short_dir / "a.sock"
    with greeter(b"one") as one, greeter(b"two") as two:
        connection.open_tunnel(path, "127.0.0.1", one)
        connection.open_tunnel(path, "127.0.0.1", two)
        assert bytes_received_through(path) == b"two"
        connection.close_tunnel(path)
        assert not connection.tunnel_alive(path)


def test_a_tunnel_whose_socket_was_removed_is_reopened(backend, sshd: Sshd, short_dir) -> None:
    connection = backend.connection(sshd.login())
    path = short_dir / "a.sock"
    with greeter(b"one") as one:
        connection.open_tunnel(path, "127.0.0.1", one)
        path.unlink()
        assert not connection.tunnel_alive(path)
        connection.open_tunnel(path, "127.0.0.1", one)
        assert bytes_received_through(path) == b"one"


def test_checking_a_tunnel_opens_no_connection_through_it(
    backend, sshd: Sshd, short_dir: Path
) -> None:
    connection = backend.connection(sshd.login())
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", server.getsockname()[1])
        assert all(connection.tunnel_alive(short_dir / "a.sock") for _ in range(20))
        with pytest.raises(TimeoutError):
            server.accept()


def test_further_connections_of_a_login_are_separate(backend, sshd: Sshd, short_dir: Path) -> None:
    connections = [backend.connection(sshd.login(), number) for number in range(3)]
    paths = [short_dir / f"{number}.sock" for number in range(3)]
    with greeter(b"hello") as port:
        for connection, path in zip(connections, paths, strict=True):
            connection.open_tunnel(path, "127.0.0.1", port)
            assert backend.connection(sshd.login(), paths.index(path)) is connection
        assert len(sshd.children()) == 3
        connections[1].close()
        wait_until(lambda: not logged_in(connections[1]))
        assert [logged_in(connection) for connection in connections] == [True, False, True]
        assert bytes_received_through(paths[0]) == bytes_received_through(paths[2]) == b"hello"
        connections[1].open_tunnel(paths[1], "127.0.0.1", port)
        assert bytes_received_through(paths[1]) == b"hello"


def test_only_the_connection_that_opened_a_tunnel_closes_it(
    backend, sshd: Sshd, short_dir: Path
) -> None:
    one, other = (backend.connection(sshd.login(), number) for number in range(2))
    with greeter(b"hello") as port:
        one.open_tunnel(short_dir / "a.sock", "127.0.0.1", port)
        other.run("true", 10)
        other.close_tunnel(short_dir / "a.sock")
        assert bytes_received_through(short_dir / "a.sock") == b"hello"


def test_several_tunnels_open_in_one_call(backend, sshd: Sshd, short_dir: Path) -> None:
    connection = backend.connection(sshd.login())
    paths = [short_dir / f"{number}.sock" for number in range(120)]
    with greeter(b"hello") as port:
        forwards = [Forward(path, "127.0.0.1", port) for path in paths]
        connection.open_tunnels(forwards[:1])
        assert connection.open_tunnels(forwards) == {}
        assert all(connection.tunnel_alive(path) for path in paths)
        assert {bytes_received_through(path) for path in (paths[0], paths[-1])} == {b"hello"}
        for path in paths[:2]:
            connection.close_tunnel(path)
        assert [connection.tunnel_alive(path) for path in paths[:3]] == [False, False, True]


def test_a_tunnel_that_fails_does_not_affect_the_others(backend, sshd: Sshd, short_dir) -> None:
    connection = backend.connection(sshd.login())
    bad = (Path("/proc/nowhere/a.sock"), Path("relative.sock"))
    with greeter(b"hello") as port:
        paths = (short_dir / "a.sock", *bad, short_dir / "b.sock")
        forwards = [Forward(path, "127.0.0.1", port) for path in paths]
        failed = connection.open_tunnels([*forwards, Forward(short_dir / "c.sock", "-x", port)])
        assert {*failed} == {*bad, short_dir / "c.sock"}
        assert {error.problem for error in failed.values()} == {SshProblem.FORWARD_FAILED}
        assert bytes_received_through(paths[0]) == bytes_received_through(paths[-1]) == b"hello"


@pytest.mark.parametrize("path", ["relative.sock", "/tmp/a:b.sock", "/tmp/$HOME.sock", "/" * 108])
def test_a_socket_path_that_ssh_would_misread_is_refused(backend, sshd: Sshd, path: str) -> None:
    with pytest.raises(SshError) as caught:
        backend.connection(sshd.login()).open_tunnel(Path(path), "127.0.0.1", 80)
    assert caught.value.problem is SshProblem.FORWARD_FAILED


def test_tunnels_of_a_lost_connection_can_be_reopened(backend, sshd: Sshd, short_dir: Path) -> None:
    connection = backend.connection(sshd.login())
    path = short_dir / "a.sock"
    with greeter(b"hello") as port:
        connection.open_tunnel(path, "127.0.0.1", port)
        sshd.hang_up()
        wait_until(lambda: not logged_in(connection))
        assert not connection.tunnel_alive(path)
        connection.open_tunnel(path, "127.0.0.1", port)
        assert bytes_received_through(path) == b"hello"


@contextmanager
def nobody_listens() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def packets_are_dropped() -> Iterator[int]:
    """As behind a firewall: the queue of a listener that never accepts is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.socket() as first:
        first.connect(server.getsockname())
        yield server.getsockname()[1]


def stay_silent(peer: socket.socket) -> None:
    while peer.recv(65536):
        pass


FAR_ENDS: dict[Saw, Callable[[], AbstractContextManager[int]]] = {
    Saw.REFUSED: nobody_listens,
    Saw.UNREACHED: packets_are_dropped,
    Saw.SILENT: lambda: server(stay_silent),
    Saw.CLOSED: lambda: server(lambda peer: peer.recv(65536)),
    Saw.NOT_HTTP: lambda: greeter(b"220 mail.example.org\r\n"),
}


def test_a_check_tells_how_a_tunnels_far_end_fails(backend, sshd: Sshd, short_dir: Path) -> None:
    """ssh does not say; the state of its socket does."""
    connection, path = backend.connection(sshd.login()), short_dir / "a.sock"
    for saw, far_end in FAR_ENDS.items():
        with far_end() as port:
            connection.open_tunnel(path, "127.0.0.1", port)
            for _ in range(1 if saw in (Saw.UNREACHED, Saw.SILENT) else 5):
                assert probe(path, "/health", patience=0.5).finding == Finding(saw, "/health")


def test_a_login_that_forbids_forwarding_looks_like_a_refusal(
    backend, make_sshd, short_dir: Path
) -> None:
    connection = backend.connection(make_sshd("PermitOpen 127.0.0.1:9").login())
    with greeter(b"hello") as port:
        connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", port)
        finding = probe(short_dir / "a.sock", "/health").finding
    assert finding == Finding(Saw.REFUSED, "/health")

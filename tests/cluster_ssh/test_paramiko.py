"""What is particular to paramiko: everything lives in this process, and host keys are our check."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.paramiko.paramiko_backend import ParamikoBackend
from tests.cluster_ssh.conftest import logged_in
from tests.cluster_ssh.sshd import Sshd, make_key, wait_until
from tests.cluster_ssh.test_contract import bytes_received_through, greeter, problem


@pytest.fixture
def backend(short_dir: Path) -> Iterator[ParamikoBackend]:
    made = ParamikoBackend(short_dir / "state")
    yield made
    made.close_all()


@contextmanager
def echo() -> Iterator[int]:
    """Sends back what comes, until its client has sent all."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                while data := peer.recv(65536):
                    peer.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize(("mask", "mode"), [(0o177, 0o600), (0o117, 0o660)])
def test_the_tunnels_socket_has_the_given_mode(short_dir, sshd: Sshd, mask, mode) -> None:
    backend = ParamikoBackend(short_dir / "state", mask)
    path = short_dir / "new" / "a.sock"
    backend.connection(sshd.login()).open_tunnel(path, "127.0.0.1", sshd.port)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    backend.close_all()
    assert not path.exists()


def test_a_socket_left_by_a_dead_process_is_replaced(backend, sshd: Sshd, short_dir) -> None:
    path = short_dir / "a.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with greeter(b"new") as port:
        backend.connection(sshd.login()).open_tunnel(path, "127.0.0.1", port)
        assert bytes_received_through(path) == b"new"


def test_a_lost_session_is_replaced_within_five_seconds(
    backend, sshd: Sshd, short_dir: Path
) -> None:
    connection = backend.connection(sshd.login())
    with greeter(b"hello") as port:
        connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", port)
        sshd.hang_up()
        wait_until(lambda: not (short_dir / "a.sock").exists(), 4)
        connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", port)
        assert bytes_received_through(short_dir / "a.sock") == b"hello"
        assert connection.run("echo on", 5).stdout == "on\n"


def test_a_frozen_session_is_replaced_after_its_silence(sshd: Sshd, short_dir: Path) -> None:
    """The kernel goes on answering for a stopped sshd."""
    backend = ParamikoBackend(short_dir / "state", silence=2.0)
    connection = backend.connection(sshd.login())
    try:
        with greeter(b"hello") as port:
            connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", port)
            frozen = sshd.children()
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            wait_until(lambda: not (short_dir / "a.sock").exists(), 8)
            connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", port)
            assert bytes_received_through(short_dir / "a.sock") == b"hello"
    finally:
        backend.close_all()


def test_an_idle_session_that_answers_is_kept(sshd: Sshd, short_dir: Path) -> None:
    backend = ParamikoBackend(short_dir / "state", silence=1.5)
    connection = backend.connection(sshd.login())
    try:
        connection.run("true", 10)
        (kept,) = sshd.children()
        connection.run("sleep 3", 10)
        assert sshd.children() == [kept]
        assert logged_in(connection)
    finally:
        backend.close_all()


def test_both_sides_may_send_at_once_and_one_may_end_first(backend, sshd: Sshd, short_dir) -> None:
    """8 MB are more than all windows and buffers on the way hold."""
    sent = os.urandom(8_000_000)
    with echo() as port, socket.socket(socket.AF_UNIX) as client:
        backend.connection(sshd.login()).open_tunnel(short_dir / "a.sock", "127.0.0.1", port)
        client.settimeout(20)
        client.connect(str(short_dir / "a.sock"))

        def send() -> None:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = bytearray()
        while data := client.recv(65536):
            received += data
        sender.join(10)
    assert received == sent


def test_a_client_that_leaves_is_noticed_by_a_silent_service(backend, sshd, short_dir) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        backend.connection(sshd.login()).open_tunnel(short_dir / "a.sock", "127.0.0.1", port)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(short_dir / "a.sock"))
            peer, _ = server.accept()
        with peer:
            peer.settimeout(5)
            assert peer.recv(1) == b""


def test_descriptors_beyond_1024_are_no_limit(backend, sshd: Sshd, short_dir: Path) -> None:
    with ExitStack() as opened, greeter(b"hello") as port:
        for _ in range(1100):
            opened.enter_context(Path("/dev/null").open("rb"))
        connection = backend.connection(sshd.login())
        connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", port)
        assert bytes_received_through(short_dir / "a.sock") == b"hello"
        assert connection.run("echo on", 10).stdout == "on\n"


def test_a_session_that_has_just_ended_leaves_no_socket(
    backend, sshd: Sshd, short_dir: Path
) -> None:
    """nginx could connect there, and would get no answer."""
    connection = backend.connection(sshd.login())
    connection.run("true", 10)
    ended = connection._session.transport
    connection.close()
    with pytest.raises(SshError) as caught:
        connection._tunnels.open(ended, short_dir / "a.sock", ("127.0.0.1", sshd.port))
    assert caught.value.problem is SshProblem.MASTER_LOST
    assert not (short_dir / "a.sock").exists()


def test_a_directory_that_cannot_be_written_fails_the_tunnel(backend, sshd: Sshd) -> None:
    with pytest.raises(SshError) as caught:
        backend.connection(sshd.login()).open_tunnel(Path("/proc/nowhere/a.sock"), "127.0.0.1", 1)
    assert caught.value.problem is SshProblem.FORWARD_FAILED


def test_a_jump_host_that_cannot_reach_the_target_is_named(backend, make_sshd) -> None:
    jump = make_sshd()
    login = jump.login(port=1, proxy_jump=f"127.0.0.1:{jump.port}")
    error = problem(backend, login)
    assert error.problem is SshProblem.REFUSED
    assert "jump host" in error.text


def test_hashed_names_and_patterns_are_read(backend, sshd: Sshd, short_dir: Path) -> None:
    pinned = short_dir / "pinned"
    pinned.write_text(sshd.host_key_line())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(pinned)], check=True, capture_output=True)
    assert pinned.read_text().startswith("|1|")
    login = sshd.login(known_hosts_file=str(pinned))
    assert backend.connection(login).run("echo in", 10).stdout == "in\n"
    pattern = short_dir / "pattern"
    pattern.write_text(sshd.host_key_line().replace("127.0.0.1", "127.0.0.*"))
    login = sshd.login(known_hosts_file=str(pattern))
    assert backend.connection(login).run("echo in", 10).stdout == "in\n"


def test_a_key_of_another_type_is_a_changed_key(backend, sshd: Sshd, short_dir: Path) -> None:
    argv = ["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(short_dir / "other")]
    subprocess.run(argv, check=True)
    kind, key = (short_dir / "other.pub").read_text().split()[:2]
    recorded = short_dir / "state" / "known_hosts"
    recorded.parent.mkdir()
    recorded.write_text(f"# first\n[127.0.0.1]:{sshd.port} {kind} {key}\n")
    error = problem(backend, sshd.login())
    assert error.problem is SshProblem.HOST_KEY_CHANGED
    assert f"delete line 2 of {recorded}" in error.text


def test_a_revoked_key_is_refused(backend, sshd, short_dir):
    recorded = short_dir / "state" / "known_hosts"
    recorded.parent.mkdir()
    recorded.write_text("elsewhere ssh-ed25519 AAAA")
    assert backend.connection(sshd.login()).run("echo in", 10).stdout == "in\n"
    assert recorded.read_text() == f"elsewhere ssh-ed25519 AAAA\n{sshd.host_key_line()}"
    revoked = short_dir / "revoked"
    revoked.write_text(f"@revoked {sshd.host_key_line()}{sshd.host_key_line()}")
    error = problem(backend, sshd.login(known_hosts_file=str(revoked)))
    assert error.problem is SshProblem.HOST_KEY_CHANGED


def test_a_key_with_a_passphrase_is_an_auth_error(backend, sshd: Sshd, short_dir: Path) -> None:
    key = make_key(short_dir / "locked")
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(key)], check=True)
    error = problem(backend, sshd.login(key_file=str(key)))
    assert error.problem is SshProblem.AUTH
    assert "without passphrase" in error.text

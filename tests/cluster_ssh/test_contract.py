"""What every SSH backend promises, on a real sshd."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from service_management.cluster.connection import SshBackend
from service_management.cluster.errors import SshError, SshProblem
from tests.cluster_ssh.conftest import SshdMaker
from tests.cluster_ssh.sshd import Sshd, free_port, make_key, wait_until


def problem(backend: SshBackend, login) -> SshError:
    with pytest.raises(SshError) as caught:
        backend.connection(login).run("true", 10)
    return caught.value


@contextmanager
def greeter(words: bytes) -> Iterator[int]:
    """A TCP server that says the same to everyone."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def heard_through(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        return client.recv(100)


def test_exit_code_and_both_streams_come_back_apart(backend, sshd: Sshd) -> None:
    result = backend.connection(sshd.login()).run("echo out; echo err >&2; exit 7", 10)
    assert (result.exit_code, result.stdout, result.stderr) == (7, "out\n", "err\n")


def test_a_command_that_reads_stdin_does_not_swallow_the_script(backend, sshd: Sshd) -> None:
    assert backend.connection(sshd.login()).run("cat; echo after", 10).stdout == "after\n"


def test_output_without_a_last_newline_and_large_output_arrive_whole(backend, sshd: Sshd) -> None:
    connection = backend.connection(sshd.login())
    assert connection.run("printf 'no newline'", 10).stdout == "no newline"
    assert len(connection.run("head -c 3000000 /dev/zero | tr '\\0' x", 20).stdout) == 3_000_000


def test_noise_before_a_commands_output_is_ignored(backend, make_sshd: SshdMaker) -> None:
    noise = "echo NOISE; echo MORE >&2; printf unfinished; "
    sshd = make_sshd(f'ForceCommand {noise} exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"')
    result = backend.connection(sshd.login()).run("echo out; echo err >&2", 10)
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_a_tunnel_leads_to_the_port_until_it_is_closed(backend, sshd: Sshd, short_dir) -> None:
    connection = backend.connection(sshd.login())
    path = short_dir / "tunnels" / "a.sock"
    with greeter(b"hello") as port:
        connection.open_tunnel(path, "127.0.0.1", port)
        assert connection.tunnel_alive(path)
        assert heard_through(path) == b"hello"
        connection.close_tunnel(path, "127.0.0.1", port)
    assert not path.exists()
    assert not connection.tunnel_alive(path)

"""An IPv6 address as login host, as jump host and as node."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from service_management.ssh.connection import SshBackend
from service_management.ssh.errors import SshError, SshProblem
from tests.cluster_ssh.conftest import SshdMaker, logged_in
from tests.cluster_ssh.sshd import Sshd, wait_until


@pytest.fixture
def sshd(make_sshd: SshdMaker) -> Sshd:
    return make_sshd("ListenAddress ::1")


def test_a_host_key_is_recorded_by_address_and_port(
    backend: SshBackend, sshd: Sshd, short_dir: Path
) -> None:
    login = sshd.login(host="::1")
    assert backend.connection(login).run("echo in", 10).stdout == "in\n"
    recorded = (short_dir / "state" / "known_hosts").read_text()
    assert recorded.startswith(f"[::1]:{sshd.port} ")
    backend.connection(login).close()
    wait_until(lambda: not logged_in(backend.connection(login)))
    sshd.stop()
    sshd.new_host_key()
    sshd.start()
    with pytest.raises(SshError) as refused:
        backend.connection(login).run("true", 10)
    assert refused.value.problem is SshProblem.HOST_KEY_CHANGED


def test_a_key_pinned_for_address_and_port_is_used(
    backend: SshBackend, sshd: Sshd, short_dir: Path
) -> None:
    pinned = short_dir / "pinned"
    pinned.write_text(sshd.host_key_line().replace("127.0.0.1", "::1"))
    login = sshd.login(host="::1", known_hosts_file=str(pinned))
    assert backend.connection(login).run("echo in", 10).stdout == "in\n"


def test_an_ipv6_address_can_be_a_jump_host(
    backend: SshBackend, sshd: Sshd, make_sshd: SshdMaker
) -> None:
    target = make_sshd("ListenAddress ::1")
    (target.home / "authorized_keys").write_text((sshd.home / "client.pub").read_text())
    login = target.login(host="::1", key_file=str(sshd.client_key), proxy_jump=f"[::1]:{sshd.port}")
    assert backend.connection(login).run("echo through", 15).stdout == "through\n"


def test_a_tunnel_leads_to_a_node_with_such_an_address(
    backend: SshBackend, sshd: Sshd, short_dir: Path
) -> None:
    path = short_dir / "a.sock"
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as node:
        node.settimeout(10)
        backend.connection(sshd.login(host="::1")).open_tunnel(path, "::1", node.getsockname()[1])
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(path))
            peer, _ = node.accept()
            with peer:
                peer.sendall(b"over IPv6")
                assert client.recv(100) == b"over IPv6"

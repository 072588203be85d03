"""What is particular to OpenSSH: a master process that outlives its parent, and its files."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from service_management.ssh.connection import Forward
from service_management.ssh.errors import LoginError, SshError, SshProblem
from service_management.ssh.login import Login
from service_management.ssh.openssh.openssh_backend import OpenSshBackend
from service_management.ssh.openssh.ssh_config import LoginFiles, render_config
from tests.cluster_ssh.conftest import logged_in, process_exists
from tests.cluster_ssh.sshd import Sshd, wait_until
from tests.cluster_ssh.test_contract import bytes_received_through, greeter

LOG_IN = """
import json
import sys
from pathlib import Path
from service_management.ssh.login import Login
from service_management.ssh.openssh.openssh_backend import OpenSshBackend

backend = OpenSshBackend(Path(sys.argv[1]) / "run", Path(sys.argv[1]) / "state")
connection = backend.connection(Login(**json.loads(sys.argv[2])))
connection.run("true", 10)
connection.open_tunnel(Path(sys.argv[1]) / "a.sock", "127.0.0.1", int(sys.argv[3]))
print(connection._master.pid())
"""


@pytest.fixture
def connection(openssh_backend: OpenSshBackend, sshd: Sshd):
    return openssh_backend.connection(sshd.login())


def test_the_master_and_its_tunnels_outlive_their_process(
    openssh_backend: OpenSshBackend, sshd: Sshd, short_dir: Path
) -> None:
    with greeter(b"still here") as port, greeter(b"elsewhere") as other:
        argv = [sys.executable, "-c", LOG_IN, str(short_dir), sshd.login().to_json(), str(port)]
        made = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
        connection = openssh_backend.connection(sshd.login())
        assert connection._master.pid() == int(made.stdout)
        assert connection.run("echo hello", 10).stdout == "hello\n"
        assert connection._master.pid() == int(made.stdout)
        assert bytes_received_through(short_dir / "a.sock") == b"still here"
        connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", other)
        assert bytes_received_through(short_dir / "a.sock") == b"elsewhere"
        connection.close_tunnel(short_dir / "a.sock")
        assert not connection.tunnel_alive(short_dir / "a.sock")


def test_many_threads_at_first_contact_make_one_master(openssh_backend, make_sshd) -> None:
    from concurrent.futures import ThreadPoolExecutor

    sshd = make_sshd("LogLevel VERBOSE")
    before = sshd.connection_attempts()
    with ThreadPoolExecutor(12) as pool:
        connections = [openssh_backend.connection(sshd.login()) for _ in range(12)]
        list(pool.map(lambda connection: connection.run("true", 20), connections))
    assert sshd.connection_attempts() == before + 1


def test_a_killed_masters_stale_socket_is_replaced(connection) -> None:
    connection.run("true", 10)
    pid = connection._master.pid()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not logged_in(connection))
    assert connection.config_file.with_suffix(".ctl").exists()
    assert connection.run("echo new", 10).stdout == "new\n"
    assert connection._master.pid() != pid


@pytest.fixture
def count_ssh(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many `ssh` processes were started since the last call."""
    calls, program = short_dir / "calls", shutil.which("ssh")
    wrapper = short_dir / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\necho >> {calls}\nexec {program} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")

    def count() -> int:
        made = calls.stat().st_size if calls.exists() else 0
        calls.unlink(missing_ok=True)
        return made

    return count


def test_a_hundred_lost_tunnels_are_reopened_by_two_calls(
    connection, sshd: Sshd, short_dir: Path, count_ssh: Callable[[], int]
) -> None:
    forwards = [Forward(short_dir / f"{n}.sock", "127.0.0.1", sshd.port) for n in range(100)]
    assert connection.open_tunnels(forwards) == {}
    os.kill(connection._master.pid(), signal.SIGKILL)
    wait_until(lambda: not connection.tunnel_alive(forwards[0].socket))
    count_ssh()
    assert connection.open_tunnels(forwards) == {}
    assert count_ssh() == 5  # the login, its session, the master's pid, two times fifty forwards


def test_a_tunnel_that_cannot_be_closed_is_closed_later(
    connection, sshd: Sshd, short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service_management.ssh.openssh.control_master.CONTROL_TIMEOUT", 0.5)
    path = short_dir / "a.sock"
    connection.open_tunnel(path, "127.0.0.1", sshd.port)
    pid = connection._master.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(SshError):
            connection.close_tunnel(path)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert connection.tunnel_alive(path)
    connection.close_tunnel(path)
    assert not connection.tunnel_alive(path)


def test_closing_an_unknown_tunnel_starts_no_process(
    connection, sshd: Sshd, short_dir: Path, count_ssh: Callable[[], int]
) -> None:
    path = short_dir / "stranger.sock"
    connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", sshd.port)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(path))
        stranger.listen()
        count_ssh()
        for _ in range(5):
            connection.close_tunnel(path)
        assert path.exists()
    assert count_ssh() == 0


def test_a_master_that_hangs_keeps_the_notes_of_its_tunnels(
    connection, short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forward without its note could never be cancelled."""
    monkeypatch.setattr("service_management.ssh.openssh.control_master.CONTROL_TIMEOUT", 0.5)
    with greeter(b"here") as port, greeter(b"there") as other:
        connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", port)
        pid = connection._master.pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(SshError, match="no answer"):
                connection.open_tunnel(short_dir / "b.sock", "127.0.0.1", port)
        finally:
            os.kill(pid, signal.SIGCONT)
        monkeypatch.undo()
        connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", other)
        assert bytes_received_through(short_dir / "a.sock") == b"there"


def test_close_all_also_ends_masters_of_earlier_processes(
    openssh_backend: OpenSshBackend, connection, short_dir: Path
) -> None:
    connection.run("true", 10)
    pid = connection._master.pid()
    OpenSshBackend(short_dir / "run", short_dir / "state").close_all()
    wait_until(lambda: not process_exists(pid))


@pytest.mark.parametrize(("mask", "mode"), [(0o177, 0o600), (0o117, 0o660)])
def test_the_tunnels_socket_has_the_given_mode(short_dir, sshd: Sshd, mask, mode) -> None:
    backend = OpenSshBackend(short_dir / "run", short_dir / "state", socket_mask=mask)
    try:
        path = short_dir / "new" / "a.sock"
        backend.connection(sshd.login()).open_tunnel(path, "127.0.0.1", sshd.port)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert stat.S_IMODE(path.parent.stat().st_mode) & 0o027 == 0
    finally:
        backend.close_all()


def test_files_are_readable_by_their_owner_only(connection) -> None:
    connection.run("true", 10)
    assert stat.S_IMODE(connection.config_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(connection.config_file.parent.stat().st_mode) == 0o700


def test_an_operator_can_use_the_same_connection_by_hand(connection) -> None:
    connection.run("true", 10)
    argv = ["ssh", "-F", str(connection.config_file), "shared", "echo by hand"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=True)
    assert done.stdout == "by hand\n"


def test_directories_may_have_any_character_in_their_names(make_sshd, short_dir: Path) -> None:
    odd = short_dir / "a b'c\"d %h$(touch x);\\"
    jump, target = make_sshd(), make_sshd()
    (target.home / "authorized_keys").write_text((jump.home / "client.pub").read_text())
    login = target.login(key_file=str(jump.client_key), proxy_jump=f"127.0.0.1:{jump.port}")
    backend = OpenSshBackend(odd / "r", odd / "s")
    try:
        assert backend.connection(login).run("echo fine", 15).stdout == "fine\n"
        assert (odd / "s" / "known_hosts").read_text().count("\n") == 2
    finally:
        backend.close_all()


def test_a_run_directory_too_long_for_a_socket_is_refused(short_dir: Path, sshd: Sshd) -> None:
    backend = OpenSshBackend(short_dir / ("x" * 90), short_dir)
    with pytest.raises(LoginError, match="shorter"):
        backend.connection(sshd.login())


def test_a_tunnel_to_a_closed_port_opens_and_hangs_up_on_connect(connection, short_dir) -> None:
    """Why a replica is routed on its health check's word and not on a connect."""
    connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", 1)
    assert bytes_received_through(short_dir / "a.sock") == b""


def test_a_directory_that_cannot_be_written_fails_the_tunnel(connection) -> None:
    with pytest.raises(SshError) as caught:
        connection.open_tunnel(Path("/proc/nowhere/a.sock"), "127.0.0.1", 1)
    assert caught.value.problem is SshProblem.FORWARD_FAILED


@pytest.mark.parametrize(
    "path", ["/k/plain", "/k/a b", "/k/%h %d", "/k/q\"u'o", "/k/back\\slash", "/k/#x", "/k/$(id)"]
)
def test_ssh_reads_back_the_paths_that_were_written(short_dir: Path, path: str) -> None:
    login = Login("DOM\\user", "h.example", 2222, path, known_hosts_file=path + ".known")
    files = LoginFiles.of(login, short_dir, short_dir)
    config = short_dir / "config"
    config.write_text(render_config(login, files, 0o117))
    argv = ["ssh", "-G", "-F", str(config), "login"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=True).stdout
    words = dict(line.split(" ", 1) for line in said.splitlines())
    assert words["user"] == "DOM\\user"
    assert (words["hostname"], words["port"]) == ("h.example", "2222")
    assert words["identityfile"].replace("%%", "%") == path
    assert words["userknownhostsfile"].replace("%%", "%") == path + ".known"
    assert words["streamlocalbindmask"] == "0117"
    assert words["identityagent"] == "none"

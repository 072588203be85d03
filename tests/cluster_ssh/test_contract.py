"""What every SSH backend promises, on a real sshd."""

from __future__ import annotations

import base64
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from service_management.ssh.connection import OUTPUT_LIMIT, SshBackend
from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.login_backoff import FIRST_DELAY
from tests.cluster_ssh.conftest import SshdMaker, logged_in
from tests.cluster_ssh.sshd import Sshd, free_port, make_key, wait_until


def problem(backend: SshBackend, login) -> SshError:
    with pytest.raises(SshError) as caught:
        backend.connection(login).run("true", 10)
    return caught.value


def security_key() -> str:
    """As `ssh-keygen -t ed25519-sk` writes it: the key itself is in a device that is not there."""

    def field(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    public = field(b"sk-ssh-ed25519@openssh.com") + field(bytes(32)) + field(b"ssh:")
    private = 2 * b"once" + public + b"\x01" + field(b"handle") + field(b"") + field(b"")
    private += bytes(range(1, 1 + -len(private) % 8))
    head = b"openssh-key-v1\0" + field(b"none") + field(b"none") + field(b"")
    text = base64.encodebytes(head + (1).to_bytes(4, "big") + field(public) + field(private))
    mark = "-----{} OPENSSH PRIVATE KEY-----\n".format
    return mark("BEGIN") + text.decode() + mark("END")


def ed448_key() -> str:
    argv = ["openssl", "genpkey", "-algorithm", "ed448"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@contextmanager
def server(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """A TCP server on the cluster; `serve` gets one connection after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    serve(peer)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def greeter(words: bytes) -> AbstractContextManager[int]:
    """Says the same to everyone."""
    return server(lambda peer: peer.sendall(words))


def bytes_received_through(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        return client.recv(100)


def test_exit_code_and_both_streams_are_returned(backend, sshd: Sshd) -> None:
    result = backend.connection(sshd.login()).run("echo out; echo err >&2; exit 7", 10)
    assert (result.exit_code, result.stdout, result.stderr) == (7, "out\n", "err\n")


def test_a_command_that_reads_stdin_does_not_eat_the_script(backend, sshd: Sshd) -> None:
    assert backend.connection(sshd.login()).run("cat; echo after", 10).stdout == "after\n"


def test_large_and_unterminated_output_arrives_whole(backend, sshd: Sshd) -> None:
    connection = backend.connection(sshd.login())
    assert connection.run("printf 'no newline'", 10).stdout == "no newline"
    assert len(connection.run("head -c 3000000 /dev/zero | tr '\\0' x", 20).stdout) == 3_000_000


def test_noise_before_a_commands_output_is_ignored(backend, make_sshd: SshdMaker) -> None:
    noise = "echo NOISE; echo MORE >&2; printf unfinished; "
    sshd = make_sshd(f'ForceCommand {noise} exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"')
    result = backend.connection(sshd.login()).run("echo out; echo err >&2", 10)
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_command_that_writes_too_much_is_ended(backend, sshd: Sshd, stream: str) -> None:
    """One that writes to stdout ends at once over there, one that writes to stderr at its own
    time limit: sshd keeps that pipe open."""
    connection = backend.connection(sshd.login())
    with pytest.raises(SshError) as caught:
        connection.run(f"timeout 5 cat /dev/zero >&{stream}", 60)
    assert (caught.value.problem, caught.value.maybe_ran) == (SshProblem.OUTPUT, True)
    assert f"more than {OUTPUT_LIMIT >> 20} MB" in caught.value.text
    wait_until(lambda: not sshd.commands("timeout 5 cat /dev/zero"))
    assert connection.run("echo on", 10).stdout == "on\n"


def test_thirty_commands_at_once_respect_max_sessions(backend, make_sshd: SshdMaker) -> None:
    connection = backend.connection(make_sshd("MaxSessions 10").login())
    with ThreadPoolExecutor(30) as pool:
        results = list(pool.map(lambda n: connection.run(f"sleep 0.1; echo {n}", 20), range(30)))
    assert [result.stdout for result in results] == [f"{n}\n" for n in range(30)]


def test_a_silent_command_ends_at_its_time_limit(backend, sshd: Sshd) -> None:
    connection = backend.connection(sshd.login())
    connection.run("true", 10)
    with pytest.raises(SshError) as caught:
        connection.run("exec sleep 20", 3)
    assert (caught.value.problem, caught.value.maybe_ran) == (SshProblem.TIMEOUT, True)
    assert connection.run("echo on", 10).stdout == "on\n"


def test_a_connection_lost_during_a_command_is_replaced(backend, sshd: Sshd, pass_time) -> None:
    connection = backend.connection(sshd.login())
    connection.run("true", 10)
    with ThreadPoolExecutor(1) as pool:
        cut = pool.submit(connection.run, "echo started; exec sleep 20", 15)
        wait_until(lambda: len(sshd.commands("sleep 20")) == 1)
        sshd.hang_up()
        error = cut.exception(10)
    assert isinstance(error, SshError)
    assert (error.problem, error.maybe_ran) == (SshProblem.MASTER_LOST, True)
    pass_time(FIRST_DELAY)
    assert connection.run("echo again", 10).stdout == "again\n"


def test_after_close_the_next_call_logs_in_again(backend, sshd) -> None:
    connection = backend.connection(sshd.login())
    assert not logged_in(connection)
    connection.run("true", 10)
    assert logged_in(connection)
    connection.close()
    wait_until(lambda: not logged_in(connection))
    assert connection.run("echo back", 10).stdout == "back\n"


def test_connections_that_are_not_needed_are_closed(backend, sshd: Sshd, make_sshd) -> None:
    needed, other = sshd.login(), make_sshd().login()
    numbered = ((needed, 0), (needed, 1), (needed, 2), (other, 0))
    connections = [backend.connection(*one) for one in numbered]
    for connection in connections:
        connection.run("true", 10)
    backend.close_except({(needed.id, 0), (needed.id, 2)})
    wait_until(lambda: [logged_in(c) for c in connections] == [True, False, True, False])
    assert connections[3].run("echo back", 10).stdout == "back\n"


def test_a_changed_host_key_is_refused_with_file_and_line(
    backend, sshd: Sshd, short_dir: Path
) -> None:
    connection = backend.connection(sshd.login())
    connection.run("true", 10)
    known_hosts = short_dir / "state" / "known_hosts"
    assert sshd.host_key_line().strip() in known_hosts.read_text()
    connection.close()
    sshd.stop()
    sshd.new_host_key()
    sshd.start()
    wait_until(lambda: not logged_in(connection))
    error = problem(backend, sshd.login())
    assert error.problem is SshProblem.HOST_KEY_CHANGED
    assert f"delete line 1 of {known_hosts}" in error.text
    assert not error.maybe_ran


def test_a_pinned_key_is_used_and_another_refused(backend, sshd: Sshd, short_dir: Path) -> None:
    pinned = short_dir / "pinned hosts"
    pinned.write_text(sshd.host_key_line())
    login = sshd.login(known_hosts_file=str(pinned))
    assert backend.connection(login).run("echo in", 10).stdout == "in\n"
    assert not (short_dir / "state" / "known_hosts").exists()
    other = make_key(short_dir / "other").with_suffix(".pub").read_text().split()[1]
    pinned.write_text(f"[127.0.0.1]:{sshd.port} ssh-ed25519 {other}\n")
    backend.connection(login).close()
    wait_until(lambda: not logged_in(backend.connection(login)))
    error = problem(backend, login)
    assert error.problem is SshProblem.HOST_KEY_CHANGED
    assert f"line 1 of {pinned}" in error.text


def test_a_host_missing_from_the_pinned_file_is_refused(backend, sshd: Sshd, short_dir) -> None:
    pinned = short_dir / "pinned"
    pinned.write_text("")
    error = problem(backend, sshd.login(known_hosts_file=str(pinned)))
    assert error.problem is SshProblem.HOST_KEY_UNKNOWN
    assert str(pinned) in error.text
    assert pinned.read_text() == ""


def test_a_wrong_key_is_an_auth_error_that_names_the_key(backend, sshd: Sshd, short_dir) -> None:
    key = make_key(short_dir / "other")
    error = problem(backend, sshd.login(key_file=str(key)))
    assert error.problem is SshProblem.AUTH
    assert str(key) in error.text


@pytest.mark.parametrize("kind", ["security", "ed448"])
def test_an_unusable_key_type_is_an_auth_error(
    backend, sshd: Sshd, short_dir: Path, kind: str
) -> None:
    key = short_dir / kind
    key.write_text({"security": security_key, "ed448": ed448_key}[kind]())
    key.chmod(0o600)
    error = problem(backend, sshd.login(key_file=str(key)))
    assert error.problem is SshProblem.AUTH
    assert str(key) in error.text


def test_a_key_file_others_can_read_is_an_auth_error(backend, sshd: Sshd) -> None:
    sshd.client_key.chmod(0o644)
    assert "chmod 600" in problem(backend, sshd.login()).text


def test_a_closed_port_and_an_unknown_host_are_distinguished(backend, sshd: Sshd) -> None:
    refused = problem(backend, sshd.login(port=free_port()))
    unknown = problem(backend, sshd.login(host="no-such-host.invalid"))
    assert refused.problem is SshProblem.REFUSED
    assert unknown.problem is SshProblem.UNREACHABLE
    assert "no-such-host.invalid" in unknown.text


def test_a_server_that_hangs_up_at_once_is_refused(backend, sshd: Sshd) -> None:
    with greeter(b"") as port:
        assert problem(backend, sshd.login(port=port)).problem is SshProblem.REFUSED


def test_no_login_is_tried_within_the_pause_after_a_failure(backend, make_sshd, pass_time) -> None:
    sshd = make_sshd("LogLevel VERBOSE")
    key = make_key(sshd.home / "other")
    login = sshd.login(key_file=str(key))
    before = sshd.connection_attempts()
    for _ in range(20):
        assert problem(backend, login).problem is SshProblem.AUTH
    assert sshd.connection_attempts() == before + 1
    pass_time(FIRST_DELAY)
    problem(backend, login)
    assert sshd.connection_attempts() == before + 2


def test_jump_hosts_use_the_same_key_and_check_their_host_keys(backend, make_sshd) -> None:
    jump, target = make_sshd("LogLevel VERBOSE"), make_sshd()
    (target.home / "authorized_keys").write_text((jump.home / "client.pub").read_text())
    login = target.login(key_file=str(jump.client_key), proxy_jump=f"127.0.0.1:{jump.port}")
    before = jump.connection_attempts()
    assert backend.connection(login).run("echo through", 15).stdout == "through\n"
    assert jump.connection_attempts() == before + 1


def test_a_jump_hosts_refusal_is_an_auth_error(backend, make_sshd: SshdMaker) -> None:
    jump, target = make_sshd(), make_sshd()
    login = target.login(proxy_jump=f"127.0.0.1:{jump.port}")
    error = problem(backend, login)
    assert error.problem is SshProblem.AUTH


def test_no_login_shell_parses_what_is_sent(backend, make_sshd: SshdMaker) -> None:
    """csh, fish and friends agree on one thing: a plain word list. Nothing else is sent."""
    sshd = make_sshd(
        'ForceCommand test "$SSH_ORIGINAL_COMMAND" = "exec /bin/sh -s" && exec /bin/sh'
    )
    hostile = "printf '%s' '$(touch /tmp/x) `id` \"; \\'"
    assert backend.connection(sshd.login()).run(hostile, 10).stdout.startswith("$(touch")


def test_an_account_without_a_shell_is_recognised(backend, make_sshd) -> None:
    sshd = make_sshd("ForceCommand echo This account is currently not available.; exit 1")
    error = problem(backend, sshd.login())
    assert error.problem is SshProblem.COMMAND
    assert "not available" in error.text

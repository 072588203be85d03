"""The paramiko backend: sessions and tunnels live in this process and end with it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from paramiko import Channel, ChannelException, SSHException

from service_management.ssh import command_errors
from service_management.ssh.connection import SOCKET_MASK, Forward, Result
from service_management.ssh.errors import ClusterError, SshError, SshProblem
from service_management.ssh.login import Login
from service_management.ssh.login_backoff import Backoff
from service_management.ssh.paramiko.forward_servers import ParamikoTunnels
from service_management.ssh.paramiko.known_hosts import KnownHosts
from service_management.ssh.paramiko.remote_command import Output, run_on_channel
from service_management.ssh.paramiko.session import (
    SILENCE,
    Session,
    attend,
    log_in,
    open_session,
)
from service_management.ssh.script_envelope import Envelope
from service_management.ssh.sessions import Sessions

_END_SHOWS = 1.0  # s; a session that ends closes its channels a moment before it is marked as ended


class ParamikoConnection:
    """One connection of a login."""

    def __init__(
        self, login: Login, known_hosts: KnownHosts, socket_mask: int, silence: float
    ) -> None:
        self._login = login
        self._known_hosts, self._silence = known_hosts, silence
        self._tunnels = ParamikoTunnels(socket_mask)
        self._sessions = Sessions(login)
        self._backoff = Backoff(time.monotonic)
        self._starting = threading.Lock()
        self._session: Session | None = None

    @property
    def login(self) -> Login:
        return self._login

    def run(self, script: str, timeout: float) -> Result:
        return self._sessions.run(lambda deadline: self._run(script, deadline), timeout)

    def open_tunnels(self, forwards: Sequence[Forward]) -> dict[Path, SshError]:
        transport, failed = self._ensure().transport, {}
        for forward in forwards:
            try:
                self._tunnels.open(transport, forward.socket, (forward.host, forward.port))
            except ClusterError as error:
                if error.kind == SshProblem.MASTER_LOST:
                    raise
                failed[forward.socket] = SshError(SshProblem.FORWARD_FAILED, error.text)
        if len(failed) < len(forwards):
            self._backoff.succeeded()
        return failed

    def open_tunnel(self, socket: Path, host: str, port: int) -> None:
        for error in self.open_tunnels([Forward(socket, host, port)]).values():
            raise error

    def close_tunnel(self, socket: Path) -> None:
        self._tunnels.close(socket)

    def tunnel_alive(self, socket: Path) -> bool:
        return self._tunnels.alive(socket)

    def close(self) -> None:
        if session := self._session:
            session.close()
            self._tunnels.drop(session.transport)

    def _ensure(self) -> Session:
        """A live session, or the reason why there is none. One login at a time."""
        with self._starting:
            if self._session is None or not self._session.alive():
                self._backoff.guard()
                self._session = self._log_in()
            return self._session

    def _log_in(self) -> Session:
        try:
            session = log_in(self._login, self._known_hosts)
        except SshError as error:
            self._backoff.failed(error)
            raise
        threading.Thread(target=self._attend, args=(session,), daemon=True).start()
        return session

    def _attend(self, session: Session) -> None:
        attend(session.transport, self._silence)
        self._tunnels.drop(session.transport)
        session.close()

    def _run(self, script: str, deadline: float) -> Result:
        left = max(deadline - time.monotonic(), 0.1)  # logging in does not count
        session, envelope = self._ensure(), Envelope.around(script)
        deadline = time.monotonic() + left
        channel = self._open(session, left)
        output = run_on_channel(channel, envelope.text(), deadline)
        result = envelope.open(output.stdout, output.stderr)
        if result is None:
            raise self._failure(session, envelope, output)
        self._backoff.succeeded()
        return result

    def _open(self, session: Session, timeout: float) -> Channel:
        try:
            return open_session(session.transport, timeout)
        except TimeoutError as error:
            raise command_errors.unanswered(self._login, maybe_ran=False) from error
        except ChannelException as error:
            raise command_errors.session_refused(self._login) from error
        except (SSHException, EOFError, OSError) as error:
            session.transport.join(_END_SHOWS)
            raise command_errors.lost_before(self._login) from error

    def _failure(self, session: Session, envelope: Envelope, output: Output) -> SshError:
        """There was no end marker: how far did the script come?"""
        if output.too_much:
            return command_errors.too_much_output(self._login)
        if output.timed_out:
            return command_errors.unanswered(self._login, maybe_ran=True)
        session.transport.join(_END_SHOWS)
        if not session.alive():
            error = command_errors.lost_during(self._login)
            self._backoff.failed(error)
            return error
        return command_errors.cut_off(self._login, envelope, output.stdout, output.stderr)


class ParamikoBackend:
    """Host keys of new hosts are recorded in the same file as by the OpenSSH backend."""

    def __init__(
        self, state_dir: Path, socket_mask: int = SOCKET_MASK, silence: float = SILENCE
    ) -> None:
        # It logs tracebacks of errors that it raises as well, and that we report in a sentence.
        logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
        self._known_hosts = state_dir.absolute() / "known_hosts"
        self._socket_mask, self._silence = socket_mask, silence
        self._lock = threading.Lock()
        self._connections: dict[tuple[str, int], ParamikoConnection] = {}

    def connection(self, login: Login, number: int = 0) -> ParamikoConnection:
        with self._lock:
            if (login.id, number) not in self._connections:
                self._connections[login.id, number] = self._make(login)
            return self._connections[login.id, number]

    def close_except(self, kept: Collection[tuple[str, int]]) -> None:
        with self._lock:
            connections = list(self._connections.items())
        for key, connection in connections:
            if key not in kept:
                connection.close()

    def close_all(self) -> None:
        self.close_except(())

    def _make(self, login: Login) -> ParamikoConnection:
        pinned = login.known_hosts_file
        self._known_hosts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._known_hosts if pinned is None else Path(pinned)
        known_hosts = KnownHosts(file, pinned=pinned is not None)
        return ParamikoConnection(login, known_hosts, self._socket_mask, self._silence)

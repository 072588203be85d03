"""The paramiko backend: sessions and tunnels live in this process and end with it."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from paramiko import Channel, ChannelException, SSHException

from service_management.ssh import failures
from service_management.ssh.connection import Result
from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.login import Login
from service_management.ssh.login_backoff import Backoff
from service_management.ssh.openssh.openssh_backend import SESSIONS, SOCKET_MASK
from service_management.ssh.paramiko.forward_servers import ParamikoTunnels
from service_management.ssh.paramiko.known_hosts import KnownHosts
from service_management.ssh.paramiko.remote_command import Heard, converse
from service_management.ssh.paramiko.session import (
    SILENCE,
    Session,
    attend,
    log_in,
    open_session,
)
from service_management.ssh.script_envelope import Envelope

_END_SHOWS = 1.0  # a session that ends closes its channels a moment before it says so itself


class ParamikoConnection:
    """One login's Connection."""

    def __init__(
        self, login: Login, known_hosts: KnownHosts, socket_mask: int, silence: float
    ) -> None:
        self._login = login
        self._known_hosts, self._silence = known_hosts, silence
        self._tunnels = ParamikoTunnels(socket_mask)
        self._sessions = threading.BoundedSemaphore(SESSIONS)
        self._backoff = Backoff(time.monotonic)
        self._starting = threading.Lock()
        self._session: Session | None = None

    @property
    def login(self) -> Login:
        return self._login

    def run(self, script: str, timeout: float) -> Result:
        deadline = time.monotonic() + timeout
        if not self._sessions.acquire(timeout=timeout):
            raise failures.none_free(self._login, SESSIONS)
        try:
            return self._run_on_live_session(script, deadline)
        finally:
            self._sessions.release()

    def open_tunnel(self, socket: Path, host: str, port: int) -> None:
        self._tunnels.open(self._ensure().transport, socket, (host, port))
        self._backoff.succeeded()

    def close_tunnel(self, socket: Path) -> None:
        self._tunnels.close(socket)

    def tunnel_alive(self, socket: Path) -> bool:
        return self._tunnels.alive(socket)

    def close(self) -> None:
        if session := self._session:
            session.close()
            self._tunnels.drop(session.transport)

    def _ensure(self) -> Session:
        """A session that stands, or the reason why there is none. One login at a time."""
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

    def _run_on_live_session(self, script: str, deadline: float) -> Result:
        """Once more where the session turned out dead before the script started."""
        try:
            return self._run(script, deadline)
        except SshError as error:
            if error.problem is not SshProblem.MASTER_LOST or error.maybe_ran:
                raise
        return self._run(script, deadline)

    def _run(self, script: str, deadline: float) -> Result:
        left = max(deadline - time.monotonic(), 0.1)  # logging in is not the script's time
        session, envelope = self._ensure(), Envelope.around(script)
        deadline = time.monotonic() + left
        channel = self._open(session, left)
        heard = converse(channel, envelope.text(), deadline)
        result = envelope.open(heard.stdout, heard.stderr)
        if result is None:
            raise self._failure(session, envelope, heard)
        self._backoff.succeeded()
        return result

    def _open(self, session: Session, timeout: float) -> Channel:
        try:
            return open_session(session.transport, timeout)
        except TimeoutError as error:
            raise failures.unanswered(self._login, maybe_ran=False) from error
        except ChannelException as error:
            raise failures.session_refused(self._login) from error
        except (SSHException, EOFError, OSError) as error:
            session.transport.join(_END_SHOWS)
            raise failures.lost_before(self._login) from error

    def _failure(self, session: Session, envelope: Envelope, heard: Heard) -> SshError:
        """There was no end marker: say how far it came."""
        if heard.timed_out:
            return failures.unanswered(self._login, maybe_ran=True)
        session.transport.join(_END_SHOWS)
        if not session.alive():
            error = failures.lost_during(self._login)
            self._backoff.failed(error)
            return error
        return failures.cut_off(self._login, envelope, heard.stdout, heard.stderr)


class ParamikoBackend:
    """Connections of this process; first contacts are recorded where OpenSSH's backend does."""

    def __init__(
        self, state_dir: Path, socket_mask: int = SOCKET_MASK, silence: float = SILENCE
    ) -> None:
        # It logs tracebacks of what is raised to us anyway, and told in a sentence.
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

    def close_all(self) -> None:
        with self._lock:
            connections = list(self._connections.values())
        for connection in connections:
            connection.close()

    def _make(self, login: Login) -> ParamikoConnection:
        pinned = login.known_hosts_file
        self._known_hosts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._known_hosts if pinned is None else Path(pinned)
        known_hosts = KnownHosts(file, pinned=pinned is not None)
        return ParamikoConnection(login, known_hosts, self._socket_mask, self._silence)

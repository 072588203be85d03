"""Tunnels of the paramiko backend: sshtunnel's forward servers on an existing session.

sshtunnel's own SSHTunnelForwarder logs in once per tunnel and never replaces a lost session.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sshtunnel
from paramiko import Channel, SSHException, Transport

from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.login import require_host, require_port
from service_management.ssh.unix_sockets import check_socket, has_listener, make_parent

# Seconds for opening a connection through a tunnel. sshtunnel gives up after 10 s, but a network
# may pause for a minute, and a channel that opens after that stays open on the login node.
sshtunnel.TUNNEL_TIMEOUT = 90.0
_CHUNK = 65536
_log = logging.getLogger("service_management.tunnels")


class _ChannelHandler(sshtunnel._ForwardHandler):  # type: ignore[misc]
    """One connection through a tunnel. sshtunnel's own loop uses select(), which is limited to
    1,024 descriptors, and sends in the receiving thread, which deadlocks when both sides send."""

    def _redirect(self, channel: Channel) -> None:
        up = threading.Thread(target=self._up, args=(channel,), daemon=True)
        up.start()
        try:
            while data := channel.recv(_CHUNK):
                self.request.sendall(data)
        finally:
            # Both wake the other thread; the descriptor must not be closed while it is in use.
            _hang_up(channel)
            with contextlib.suppress(OSError):
                self.request.shutdown(socket.SHUT_RDWR)
            up.join()

    def _up(self, channel: Channel) -> None:
        with contextlib.suppress(OSError, SSHException, EOFError):
            while data := self.request.recv(_CHUNK):
                channel.sendall(data)
            channel.shutdown_write()
            self._await_hang_up()
        _hang_up(channel)

    def _await_hang_up(self) -> None:
        """After the client's last byte: wait until it has hung up or the answer is complete."""
        poll = select.poll()
        poll.register(self.request, 0)  # a hang-up is always reported
        poll.poll()


def _hang_up(channel: Channel) -> None:
    """Closing writes to the session, which may just have died."""
    with contextlib.suppress(OSError, SSHException, EOFError):
        channel.close()


class _Server(sshtunnel._ThreadingStreamForwardServer):  # type: ignore[misc]
    """A listening unix socket, with one thread per connection."""

    request_queue_size = 4096
    daemon_threads = True
    mode = 0o600

    def server_bind(self) -> None:
        """Bound under its final name, by which /proc/net/unix counts connections. Clients cannot
        connect before `listen`, and so not before the mode is set."""
        super().server_bind()
        Path(self.server_address).chmod(self.mode)

    def shutdown_request(self, request: Any) -> None:
        """Without a shutdown before it, which a client would take for the end of an answer: the
        health check recognizes a refused connection by the reset (health_check.py)."""
        self.close_request(request)

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        _log.debug("tunnel %s to %s", self.server_address, self.remote_address, exc_info=True)


@dataclass
class _Tunnel:
    """One listener with its thread."""

    socket: Path
    target: tuple[str, int]
    transport: Transport
    server: Any
    inode: int
    thread: threading.Thread = field(init=False)
    closed: bool = False

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def alive(self) -> bool:
        return self.transport.is_active() and has_listener(self.socket)

    def close(self) -> None:
        """Stop listening; established connections continue."""
        self.closed = True
        with contextlib.suppress(OSError):
            self.server.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.server.server_close()
        with contextlib.suppress(OSError):
            if self.socket.lstat().st_ino == self.inode:
                self.socket.unlink()

    def _serve(self) -> None:
        while not self.closed:
            self.server.handle_request()


@dataclass
class ParamikoTunnels:
    """The tunnels of one connection, over all sessions it has had."""

    socket_mask: int
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: dict[Path, _Tunnel] = field(default_factory=dict)

    def open(self, transport: Transport, socket: Path, target: tuple[str, int]) -> None:
        require_host(target[0])
        require_port(target[1])
        check_socket(socket)
        with self._lock:
            known = self._open.get(socket)
            if known and known.alive() and known.transport is transport and known.target == target:
                return
            self._close(socket)
            make_parent(socket)
            self._open[socket] = self._listen(transport, socket, target)
            # Checked last: `drop` removes the tunnels of a session that ends after this.
            if not transport.is_active():
                self._close(socket)
                text = f"The connection ended while the tunnel {socket} was opened."
                raise SshError(SshProblem.MASTER_LOST, text)

    def close(self, socket: Path) -> None:
        with self._lock:
            self._close(socket)
            if not has_listener(socket):
                socket.unlink(missing_ok=True)

    def alive(self, socket: Path) -> bool:
        with self._lock:
            known = self._open.get(socket)
        return known is not None and known.alive()

    def drop(self, transport: Transport) -> None:
        """Close those of a session that has ended: nginx must be refused, not kept waiting."""
        with self._lock:
            for socket in [s for s, one in self._open.items() if one.transport is transport]:
                self._close(socket)

    def _close(self, socket: Path) -> None:
        if known := self._open.pop(socket, None):
            known.close()

    def _listen(self, transport: Transport, socket: Path, target: tuple[str, int]) -> _Tunnel:
        """Replaces a socket that an earlier process left."""
        handler = type("Handler", (_ChannelHandler,), _on(transport, target))
        server_class = type("Server", (_Server,), {"mode": 0o777 & ~self.socket_mask & 0o666})
        try:
            socket.unlink(missing_ok=True)
            server = server_class(str(socket), handler, logger=_log)
            return _Tunnel(socket, target, transport, server, socket.lstat().st_ino)
        except OSError as error:
            text = f"The tunnel socket {socket} cannot be made: {error.strerror}."
            raise SshError(SshProblem.FORWARD_FAILED, text) from error


def _on(transport: Transport, target: tuple[str, int]) -> dict[str, Any]:
    """The attributes that sshtunnel's handlers read from their class."""
    return {"ssh_transport": transport, "remote_address": target, "logger": _log}

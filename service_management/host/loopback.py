"""HTTP from the command line to the gateway of this machine.

Over the control plane's unix socket where this user can see it. Otherwise (the gateway belongs to
another user, or runs in a container) through nginx's port. The admin token is sent to /admin only,
and to nginx's port only if no stranger can be listening there.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from service_management.host import gateway_user, layout, ports, tls
from service_management.settings import Settings


class StrangerListens(requests.RequestException):
    """The port belongs to a user who must not get the token."""


@dataclass(frozen=True)
class Endpoint:
    """Where requests go, and with what."""

    url: str
    session: requests.Session


def control_plane(chosen: Settings) -> Endpoint:
    """With the admin token for /admin."""
    session, place = _session(), layout.control_socket(chosen)
    if _is_socket(place):
        session.mount("http://", _SocketAdapter(place))
        session.auth = _Token(chosen, check_port=False)
        return Endpoint("http://control_plane", session)
    if chosen.tls_cert:
        session.mount("https://", _PinnedAdapter(chosen.tls_cert))
    session.auth = _Token(chosen, check_port=True)
    return Endpoint(chosen.gateway_url, session)


def through_nginx(chosen: Settings) -> Endpoint:
    """To see whether nginx answers: nothing secret is sent, and no answer is relied on. So the
    certificate may be expired, or not yet reloaded after a renewal."""
    session = _session()
    session.verify = False
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return Endpoint(chosen.gateway_url, session)


def _session() -> requests.Session:
    made = requests.Session()
    # A .netrc would replace the token, and a proxy cannot reach this machine's loopback.
    made.trust_env = False
    return made


def _is_socket(place: Path) -> bool:
    try:
        return place.is_socket()
    except PermissionError:
        return False


class _Token(AuthBase):
    def __init__(self, chosen: Settings, *, check_port: bool) -> None:
        self._chosen, self._check_port = chosen, check_port

    def __call__(self, asked: requests.PreparedRequest) -> requests.PreparedRequest:
        if asked.path_url.startswith("/admin/"):
            if self._check_port:
                self._refuse_strangers()
            asked.headers["Authorization"] = f"Bearer {self._chosen.admin_token}"
        return asked

    def _refuse_strangers(self) -> None:
        """Where the gateway does not run, any user can listen at its port. Root's processes, this
        user's and those of the gateway's user are trusted; no listener at all is a container
        whose port the kernel forwards."""
        trusted = {0, os.geteuid()} | gateway_user.known_uids(self._chosen)
        for user in ports.listening_users(self._chosen.nginx_port) - trusted:
            raise StrangerListens(
                f"port {self._chosen.nginx_port} is listened at by user {user}, who is not the "
                "gateway's: the admin token was not sent"
            )


class _SocketAdapter(HTTPAdapter):
    """Whatever the host in the URL: over this unix socket."""

    def __init__(self, place: Path) -> None:
        self._pool = _SocketPool(place)
        super().__init__()

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pool

    def close(self) -> None:
        self._pool.close()
        super().close()


class _SocketPool(HTTPConnectionPool):
    def __init__(self, place: Path) -> None:
        super().__init__("localhost")
        self._place = place

    def _new_conn(self) -> HTTPConnection:
        return _SocketConnection(self._place)


class _SocketConnection(HTTPConnection):
    def __init__(self, place: Path) -> None:
        super().__init__("localhost")
        self._place = place

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if self.timeout is not None:
            self.sock.settimeout(float(self.timeout))
        self.sock.connect(str(self._place))


class _PinnedAdapter(HTTPAdapter):
    """The certificate is for the name that clients use, not for this machine's loopback. So instead
    of its name the certificate itself is compared with the file that nginx reads."""

    def __init__(self, certificate: Path) -> None:
        self._fingerprint = tls.fingerprint(certificate)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        kwargs["assert_fingerprint"] = self._fingerprint
        super().init_poolmanager(*args, **kwargs)

    def cert_verify(self, conn: Any, url: str, _verify: Any, cert: Any) -> None:
        super().cert_verify(conn, url, False, cert)  # type: ignore[no-untyped-call]

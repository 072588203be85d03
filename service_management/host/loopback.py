"""HTTP from the command line to the gateway of this machine.

Over the control plane's unix socket where this user can see it. Otherwise (the gateway belongs to
another user, or runs in a container) through nginx's port. The admin token is sent to /admin only,
and to nginx's port only if no stranger can be listening there.

On http.client, which loads in a fifth of the time of `requests`: every command waits for it.
Neither .netrc nor a proxy from the environment can redirect it or replace the token.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from service_management.host import layout
from service_management.settings import Settings


class NoAnswer(Exception):
    """Nothing answers there, or not in time, or not in HTTP."""


class StrangerListens(NoAnswer):
    """The port belongs to a user who must not get the token."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPMessage
    text: str

    @property
    def ok(self) -> bool:
        return self.status < 400

    def json(self) -> Any:
        """Or ValueError."""
        return json.loads(self.text)


@dataclass(frozen=True)
class Endpoint:
    """Where requests go, and with what."""

    url: str
    _connect: Callable[[float], HTTPConnection]
    _headers: Callable[[str], dict[str, str]] = lambda _path: {}

    def ask(self, method: str, path: str, timeout: float, body: Any = None) -> Answer:
        """`body`: sent as JSON."""
        connection = self._connect(timeout)
        try:
            headers, text = self._headers(path), None
            if body is not None:
                headers, text = {**headers, "Content-Type": "application/json"}, json.dumps(body)
            connection.request(method, path, text, headers)
            response = connection.getresponse()
            answer = response.read().decode("utf-8", "replace")
            return Answer(response.status, response.headers, answer)
        except (OSError, HTTPException) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise NoAnswer(why) from error
        finally:
            connection.close()


def control_plane(chosen: Settings) -> Endpoint:
    """With the admin token for /admin."""
    place = layout.control_socket(chosen)
    if _is_socket(place):
        token = _Token(chosen, check_port=False)
        return Endpoint(
            "http://control_plane", lambda timeout: _SocketConnection(place, timeout), token
        )
    fingerprint = _fingerprint(chosen.tls_cert) if chosen.tls_cert else ""
    token = _Token(chosen, check_port=True)
    return Endpoint(chosen.gateway_url, _connect(chosen, fingerprint), token)


def through_nginx(chosen: Settings) -> Endpoint:
    """To see whether nginx answers: nothing secret is sent, and no answer is relied on. So the
    certificate may be expired, or not yet reloaded after a renewal."""
    return Endpoint(chosen.gateway_url, _connect(chosen, ""))


def _connect(chosen: Settings, fingerprint: str) -> Callable[[float], HTTPConnection]:
    host, port = urlsplit(chosen.gateway_url).hostname or "", chosen.nginx_port
    if not chosen.tls_cert:
        return lambda timeout: HTTPConnection(host, port, timeout=timeout)
    return lambda timeout: _PinnedConnection(host, port, timeout, fingerprint)


def _is_socket(place: Path) -> bool:
    try:
        return place.is_socket()
    except PermissionError:
        return False


@dataclass(frozen=True)
class _Token:
    """The header that lets a request in, for paths that need it."""

    chosen: Settings
    check_port: bool

    def __call__(self, path: str) -> dict[str, str]:
        if not path.startswith("/admin/"):
            return {}
        if self.check_port:
            self._refuse_strangers()
        return {"Authorization": f"Bearer {self.chosen.admin_token}"}

    def _refuse_strangers(self) -> None:
        """Where the gateway does not run, any user can listen at its port. Root's processes, this
        user's and those of the gateway's user are trusted; no listener at all is a container
        whose port the kernel forwards."""
        from service_management.host import gateway_user, ports  # noqa: PLC0415 - see the top

        trusted = {0, os.geteuid()} | gateway_user.known_uids(self.chosen)
        for user in ports.listening_users(self.chosen.nginx_port) - trusted:
            raise StrangerListens(
                f"port {self.chosen.nginx_port} is listened at by user {user}, who is not the "
                "gateway's: the admin token was not sent"
            )


class _SocketConnection(HTTPConnection):
    """Over this unix socket."""

    def __init__(self, place: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._place = place

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._place))


class _PinnedConnection(HTTPSConnection):
    """The certificate is for the name that clients use, not for this machine's loopback. So instead
    of its name the certificate itself is compared with the file that nginx reads."""

    def __init__(self, host: str, port: int, timeout: float, fingerprint: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__(host, port, timeout=timeout, context=context)
        self._fingerprint = fingerprint

    def connect(self) -> None:
        super().connect()
        certificate = cast(ssl.SSLSocket, self.sock).getpeercert(binary_form=True) or b""
        shown = hashlib.sha256(certificate).hexdigest()
        if self._fingerprint and shown != self._fingerprint:
            raise ssl.SSLError("another certificate than TLS_CERT")


def _fingerprint(certificate: Path) -> str:
    """SHA-256 of the server's certificate, the first one in the file."""
    first, end, _rest = certificate.read_text().partition(ssl.PEM_FOOTER)
    begin = first.find(ssl.PEM_HEADER)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first[begin:] + end)).hexdigest()

"""Who may ask the control plane for what.

nginx and the command line come over a unix socket that other users cannot open or replace. Programs
of this machine may also read at ML_SERVICE_FLASK_PORT, but any user can listen there while the
control plane restarts. So that port neither accepts nor shows anything secret:

| path                             | over the socket        | at the port    |
|----------------------------------|------------------------|----------------|
| /, /info, /healthz, /metrics     | anyone                 | anyone         |
| /admin/…                         | with the admin token   | 404            |
| /_demand, /_hold, /_quiet        | nginx                  | 503            |
"""

from __future__ import annotations

import hmac
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from flask import Request, Response, request

from service_management.api import problems
from service_management.api.problems import problem

BURST, SECONDS_EACH = 20, 6.0  # wrong tokens per address: twenty at once, then ten a minute
MOST_ADDRESSES = 10_000

_USE_THE_GATEWAY = (
    "ML_SERVICE_FLASK_PORT does not serve /admin: send the request to the gateway's own port, or "
    "use `orchestrator`."
)
# Asked by an nginx whose configuration is from before the socket. The control plane renews it as
# soon as it has read services_config.json.
_OLD_CONFIGURATION = "The control plane is restarting; try again."


class WrongTokens:
    """Which client addresses have sent too many wrong tokens, in memory of bounded size.

    While an address has to wait, its tokens are not compared, so guessing goes no faster. An
    operator who shares the address, as behind a proxy, must not be locked out: the right token
    always passes from an address that has sent it before. It also always passes over the socket
    itself, where the command line has no address.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._forgiven_at: OrderedDict[str, float] = OrderedDict()
        self._operators: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str) -> float:
        """Seconds until this address may try again; 0: now."""
        with self._lock:
            owed = self._forgiven_at.get(network_of(address), 0.0) - self._clock()
        return max(0.0, owed - (BURST - 1) * SECONDS_EACH)

    def is_operators(self, address: str) -> bool:
        return not address or network_of(address) in self._operators

    def note(self, address: str, *, right: bool) -> None:
        if not address:
            return
        key, now = network_of(address), self._clock()
        with self._lock:
            if right:
                self._operators[key] = None
                _drop_oldest(self._operators)
                return
            begin = max(now, self._forgiven_at.pop(key, now))
            self._forgiven_at[key] = begin + SECONDS_EACH
            _drop_oldest(self._forgiven_at)


def _drop_oldest(addresses: OrderedDict[str, Any]) -> None:
    while len(addresses) > MOST_ADDRESSES:
        addresses.popitem(last=False)


def network_of(address: str) -> str:
    """One IPv6 client has a whole /64 to choose addresses from."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(ip_network((found, 64), strict=False))
    return address


class Access:
    """Checked before every request, also before one whose path or method does not exist."""

    def __init__(self, token: str, wrong: WrongTokens | None = None) -> None:
        self._token, self._wrong = token, wrong or WrongTokens()

    def check(self) -> Response | None:
        """The refusal, or None if the request is allowed."""
        over_socket = _over_socket(request)
        if request.path.startswith("/_") and not over_socket:
            return problem(problems.BUSY, _OLD_CONFIGURATION, retry_after=problems.RESTARTING)
        if request.path != "/admin" and not request.path.startswith("/admin/"):
            return None
        if not over_socket:
            return problem(problems.NOT_FOUND, _USE_THE_GATEWAY)
        return self._authorize(request.headers.get("X-Real-IP", ""))

    def _authorize(self, address: str) -> Response | None:
        given, seconds = request.headers.get("Authorization", ""), self._wrong.wait(address)
        compare = not seconds or self._wrong.is_operators(address)
        if compare and self._token and _is_bearer(given, self._token):
            self._wrong.note(address, right=True)
            return None
        if seconds and address:
            text = "This address has sent too many wrong admin tokens."
            return problem(problems.TOO_MANY_TOKENS, text, retry_after=seconds)
        if given:
            self._wrong.note(address, right=False)
        text = "Send 'Authorization: Bearer <ADMIN_TOKEN>'; the token is in .env."
        refused = problem(problems.UNAUTHORIZED, text)
        refused.headers["WWW-Authenticate"] = "Bearer"
        return refused


def _over_socket(asked: Request) -> bool:
    """gunicorn tells on which connection a request came; whatever else it is, it is not trusted."""
    connection = asked.environ.get("gunicorn.socket")
    return getattr(connection, "family", None) == socket.AF_UNIX


def _is_bearer(header: str, token: str) -> bool:
    """The case of the scheme does not matter (RFC 9110)."""
    scheme, _, given = header.partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    return same and scheme.lower() == "bearer"

"""Requests of the command line to the gateway, errors as sentences."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

from service_management.host import loopback
from service_management.settings import Settings


class GatewayError(Exception):
    """The gateway refused, or did not answer; the text says what to do."""


class Unanswered(GatewayError):
    """It may answer soon: it restarts, or its cluster is silent."""


class JobLogs(NamedTuple):
    text: str
    position: str | None  # None: an older control plane, which cannot follow


class Gateway:
    def __init__(self, chosen: Settings) -> None:
        self._url = chosen.gateway_url
        self._gateway = loopback.control_plane(chosen)

    def info(self, route: str = "") -> dict[str, Any]:
        """With what only the token shows, where the gateway accepts it."""
        if route:
            name = quote(route, safe="")
            return self._details(f"/admin/services/{name}") or self._json("GET", f"/info/{name}")
        return self._details("/admin/services") or self._json("GET", "/info")

    def change(self, route: str, verb: str, *, now: bool = False) -> dict[str, Any]:
        return self._json("POST", _admin(route, verb) + ("?now=1" if now else ""))

    def scale(self, route: str, numbers: dict[str, int]) -> dict[str, Any]:
        return self._json("POST", _admin(route, "scale"), numbers)

    def logs(self, route: str, lines: int) -> JobLogs:
        return self._logs(route, f"lines={lines}")

    def logs_after(self, route: str, position: str) -> JobLogs:
        """What was written since, in parts of bounded size."""
        return self._logs(route, f"after={quote(position, safe='')}")

    def _logs(self, route: str, query: str) -> JobLogs:
        answer = self._ask("GET", f"{_admin(route, 'logs')}?{query}")
        return JobLogs(answer.text, answer.headers.get("X-Log-Position"))

    def _details(self, path: str) -> dict[str, Any] | None:
        """None: no token, a wrong one, or an older control plane, which has no such path."""
        try:
            return self._json("GET", path)
        except GatewayError:
            return None

    def _json(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self._ask(method, path, body)
        try:
            found = answer.json()
        except ValueError:
            raise self._stranger() from None
        if not isinstance(found, dict):
            raise self._stranger()
        return found

    def _ask(self, method: str, path: str, body: Any = None) -> loopback.Answer:
        try:
            answer = self._gateway.ask(method, path, 60, body)
        except loopback.StrangerListens as error:
            raise GatewayError(str(error)) from None
        except loopback.NoAnswer as error:
            raise self._silence(error) from None
        if not answer.ok:
            raise self._refusal(answer)
        return answer

    def _silence(self, error: loopback.NoAnswer) -> Unanswered:
        if self._gateway.url != self._url:
            return Unanswered(
                "the control plane does not answer: it may be restarting; its log is control.log "
                f"in STATE_DIR/log ({error})"
            )
        return Unanswered(
            f"no gateway answers at {self._url}: is it running (./start.cmd), and is "
            f"NGINX_PORT right? ({error})"
        )

    def _refusal(self, answer: loopback.Answer) -> GatewayError:
        try:
            problem = answer.json()
            title, detail = problem["title"], problem["detail"]
        except (ValueError, KeyError, TypeError):
            return self._stranger()
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return GatewayError(
                "the gateway does not accept this ADMIN_TOKEN: use the one in its .env, and "
                "restart it (./start.cmd update) if that has changed since it was started"
            )
        soon = answer.status in (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)
        return (Unanswered if soon else GatewayError)(f"{title}: {detail}")

    def _stranger(self) -> GatewayError:
        return GatewayError(
            f"what answers at {self._url} is not the orchestrator's gateway: check NGINX_PORT"
        )


def _admin(route: str, verb: str) -> str:
    return f"/admin/services/{quote(route, safe='')}/{verb}"

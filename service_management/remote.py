"""The gateway as the command line sees it: HTTP with the admin token, errors as sentences."""

from __future__ import annotations

from typing import Any

import requests

from service_management.settings import Settings


class GatewayError(Exception):
    """What the gateway refused, or why it could not be asked."""


class Gateway:
    def __init__(self, chosen: Settings, session: requests.Session) -> None:
        self._url, self._session = chosen.gateway_url, session
        self._session.headers["Authorization"] = f"Bearer {chosen.admin_token}"

    def get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._ask("GET", path).json()
        return answer

    def post(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._ask("POST", path).json()
        return answer

    def text(self, path: str) -> str:
        return self._ask("GET", path).text

    def _ask(self, method: str, path: str) -> requests.Response:
        try:
            answer = self._session.request(method, self._url + path, timeout=60)
        except requests.RequestException as error:
            raise GatewayError(
                f"no gateway answers at {self._url}: is it running (./start.cmd), and is "
                f"NGINX_PORT right? ({type(error).__name__})"
            ) from None
        if not answer.ok:
            raise GatewayError(_sentence(answer))
        return answer


def _sentence(answer: requests.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['title']}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"the gateway answered {answer.status_code}"

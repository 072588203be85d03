"""Whether the gateway of this machine works, and what its logs say where it does not."""

from __future__ import annotations

from typing import Any

import requests

from service_management.host import loopback
from service_management.native import supervisor
from service_management.native.errors import NativeError
from service_management.native.waiting import Say, wait
from service_management.settings import Settings

START_SECONDS = 60.0


def wait_until_healthy(chosen: Settings, say: Say) -> None:
    found = wait(lambda: _alive(chosen), START_SECONDS, "the control plane", say)
    if not found:
        raise NativeError(
            f"not healthy after {START_SECONDS:.0f} s; its logs:\n"
            + _tail(chosen, "control")
            + _tail(chosen, "nginx")
        )
    say(f"the gateway answers at {chosen.gateway_url}/")
    if found["config_error"]:
        say(f"{chosen.config_file} is not valid; {_served(len(found['services']))}:")
        say(found["config_error"]["text"])


def _alive(chosen: Settings) -> dict[str, Any] | None:
    """Once everything answers, and the configuration has been read."""
    nginx, control = loopback.through_nginx(chosen), loopback.control_plane(chosen)
    try:
        paths = ("/healthz", "/healthz/nginx")
        alive = all(nginx.session.get(nginx.url + path, timeout=2).ok for path in paths)
    except requests.RequestException:
        return None
    found = info(control.session, control.url) if alive else None
    if found and found["config_error"]:
        found |= info(control.session, control.url, "/admin/config") or {}
    return found if found and (found["config_version"] or found["config_error"]) else None


def info(session: requests.Session, url: str, path: str = "/info") -> dict[str, Any] | None:
    """None where nobody answers, or where it is not the state of services that is answered."""
    try:
        answer = session.get(f"{url}{path}", timeout=5)
        found: dict[str, Any] = answer.json()
    except (requests.RequestException, ValueError):
        return None
    return found if answer.ok else None


def _tail(chosen: Settings, name: str, lines: int = 10) -> str:
    file = supervisor.log_dir(chosen) / f"{name}.log"
    if not file.exists():
        return ""
    text = file.read_text(errors="replace").splitlines()[-lines:]
    return f"--- {file}\n" + "".join(f"{line}\n" for line in text)


def _served(count: int) -> str:
    if not count:
        return "no service is served until it is repaired"
    return f"the last valid one is served ({count} service{'s' if count > 1 else ''})"

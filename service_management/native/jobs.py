"""Jobs of a gateway that runs: its controller cancels them."""

from __future__ import annotations

import requests

from service_management.host import loopback
from service_management.native.control_plane import info
from service_management.native.waiting import Say, wait
from service_management.settings import Settings

STOP_SECONDS = 30.0


def stop(chosen: Settings, say: Say) -> None:
    """A request may start a new one meanwhile: these are not waited for, but cancelled once no
    controller is left."""
    gateway = loopback.control_plane(chosen)
    session, url = gateway.session, gateway.url
    mine = known(session, url)
    for name, route in mine.items():
        say(f"cancelling the job of {route}" + (f" ({name})" if name else ""))
        _ask(session, f"{url}/admin/services/{route}/stop?now=1")
    wait(
        lambda: not mine.keys() & known(session, url).keys(),
        STOP_SECONDS,
        "Slurm to say that they are gone",
        say,
    )


def known(session: requests.Session, url: str) -> dict[str, str]:
    """Job name → route; nothing where the control plane does not answer."""
    found = info(session, url)
    services = found["services"] if found else []
    return {r["job_name"]: s["route_name"] for s in services for r in s["replicas"]}


def _ask(session: requests.Session, url: str) -> None:
    try:
        session.post(url, timeout=10)
    except requests.RequestException:
        return  # it died just now: what it leaves is cancelled later

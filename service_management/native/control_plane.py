"""The running control plane: wait until it answers, and have it cancel its jobs."""

from __future__ import annotations

from typing import Any

from service_management.host import loopback
from service_management.host.loopback import Endpoint, NoAnswer
from service_management.native import supervisor
from service_management.native.waiting import NativeError, Say, wait
from service_management.settings import Settings

START_SECONDS, CANCEL_SECONDS = 60.0, 30.0


def wait_until_healthy(chosen: Settings, say: Say) -> None:
    found = wait(lambda: _alive(chosen), START_SECONDS, "the control plane", say)
    if not found:
        raise NativeError(
            f"the gateway is not healthy after {START_SECONDS:.0f} s; the end of its logs:\n"
            + _tail(chosen, "control")
            + _tail(chosen, "nginx")
        )
    say(f"the gateway answers at {chosen.gateway_url}/")
    if found["config_error"]:
        say(f"{chosen.config_file} is not valid; {_served(len(found['services']))}:")
        say(found["config_error"]["text"])


def _alive(chosen: Settings) -> dict[str, Any] | None:
    """/info, once nginx and the control plane answer and the configuration has been read."""
    nginx, control = loopback.through_nginx(chosen), loopback.control_plane(chosen)
    try:
        paths = ("/healthz", "/healthz/nginx")
        alive = all(nginx.ask("GET", path, timeout=2).ok for path in paths)
    except NoAnswer:
        return None
    found = info(control) if alive else None
    if found and found["config_error"]:
        found |= info(control, "/admin/config") or {}
    return found if found and (found["config_version"] or found["config_error"]) else None


def info(control: Endpoint, path: str = "/info") -> dict[str, Any] | None:
    """None if nothing answers, or if the answer is an error."""
    try:
        answer = control.ask("GET", path, timeout=5)
        found: dict[str, Any] = answer.json()
    except (NoAnswer, ValueError):
        return None
    return found if answer.ok else None


def cancel_jobs(chosen: Settings, say: Say) -> None:
    """Have the controller cancel every job. Requests may submit new ones meanwhile: those are
    cancelled by `orphan_jobs`, once the controller has ended."""
    control = loopback.control_plane(chosen)
    jobs = known_jobs(control)
    for name, route in jobs.items():
        say(f"cancelling the job of {route}" + (f" ({name})" if name else ""))
        _stop_service(control, f"/admin/services/{route}/stop?now=1")
    wait(
        lambda: not jobs.keys() & known_jobs(control).keys(),
        CANCEL_SECONDS,
        "Slurm to end the jobs",
        say,
    )


def known_jobs(control: Endpoint) -> dict[str, str]:
    """Job name → route; empty if the control plane does not answer."""
    found = info(control)
    services = found["services"] if found else []
    return {r["job_name"]: s["route_name"] for s in services for r in s["replicas"]}


def _stop_service(control: Endpoint, path: str) -> None:
    try:
        control.ask("POST", path, timeout=10)
    except NoAnswer:
        return  # the control plane has just died; `orphan_jobs` cancels the job


def _tail(chosen: Settings, name: str, lines: int = 10) -> str:
    file = supervisor.log_dir(chosen) / f"{name}.log"
    if not file.exists():
        return ""
    text = file.read_text(errors="replace").splitlines()[-lines:]
    return f"--- {file}\n" + "".join(f"{line}\n" for line in text)


def _served(count: int) -> str:
    if not count:
        return "no service is served until it is corrected"
    return f"the last valid version is served ({count} service{'s' if count > 1 else ''})"

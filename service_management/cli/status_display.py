"""What `orchestrator status` prints."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from service_management.time_text import duration

STYLES = {
    "ready": "green",
    "queued": "yellow",
    "starting": "yellow",
    "draining": "yellow",
    "failed": "red",
    "disabled": "dim",
}
_LABELS = {
    "name": "name",
    "state": "state",
    "reason": "reason",
    "text": "what",
    "next": "next",
    "inflight": "in flight",
    "held": "held",
}


def everything(info: dict[str, Any], out: Console, now: float) -> None:
    """One line per service where it fits; the sentence wraps where it does not."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("ROUTE", "STATE", "FOR", "JOB"):
        table.add_column(title, no_wrap=title != "ROUTE", overflow="fold")
    table.add_column("WHAT", ratio=1, min_width=24, overflow="fold")
    for service in info["services"]:
        table.add_row(*_row(service, now))
    out.print(table)
    if not info["services"]:
        out.print("No services are configured: add one to services_config.json.")


def _row(service: dict[str, Any], now: float) -> list[Text]:
    state = service["state"]
    words = [service["route_name"], state, _since(service, now), _job(service), _what(service)]
    cells = [Text(word) for word in words]
    cells[1].stylize(STYLES.get(state, ""))
    return cells


def _since(service: dict[str, Any], now: float) -> str:
    return duration(now - service["since"]) if service["since"] else "–"


def _job(service: dict[str, Any]) -> str:
    job = service["replicas"][0] if service["replicas"] else None
    if job is None:
        return "–"
    return f"{job['job_id'] or '…'}" + (f" {job['node']}" if job["node"] else "")


def _what(service: dict[str, Any]) -> str:
    """If nothing is wrong, what happens next is enough."""
    if service["state"] == "cold":
        return str(service["next"])
    if service["state"] == "ready":
        counted = service["inflight"]
        busy = "in flight: unknown; " if counted is None else f"{counted} in flight; "
        trouble = service["cluster_trouble"]
        return busy + str(service["next"]) + (f". {trouble}" if trouble else "")
    return f"{service['text']} Next: {service['next']}."


def one(service: dict[str, Any], out: Console, now: float) -> None:
    for key, label in _LABELS.items():
        if service[key] not in (None, ""):
            _line(out, label, str(service[key]))
    _line(out, "since", _since(service, now))
    _line(out, "paths", " ".join(service["api_paths"]))
    for replica in service["replicas"]:
        _line(out, "job", _replica(replica))
    if service["last_error"]:
        _error(service["last_error"], out)
    for event in service["events"]:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["at"]))
        _line(out, "event", f"{at} {event['state']:9} {event['text']}")


def _replica(job: dict[str, Any]) -> str:
    words = [job["job_id"] or "not submitted yet", job["slurm_state"], job["slurm_reason"]]
    place = [f"on {job['node']}, port {job['port']}" if job["node"] else f"port {job['port']}"]
    return " ".join(word for word in [*words, *place, f"({job['job_name']})"] if word)


def _error(error: dict[str, Any], out: Console) -> None:
    _line(out, "last error", error["text"])
    for line in error["output"]:
        _line(out, "", f"| {line}")
    for key, label in (("output_file", "output in"), ("command", "command")):
        if error[key]:
            _line(out, label, error[key])


def _line(out: Console, label: str, text: str) -> None:
    """Never wrapped here: what is copied from the terminal must have no line breaks in it."""
    out.print(Text(f"{label:11} {text}"), soft_wrap=True)


def config_error(info: dict[str, Any], err: Console) -> None:
    if info["config_error"]:
        head = "The configuration file is not valid; the last valid one is still in use:"
        err.print(Text(head, style="red"), soft_wrap=True)
        err.print(Text(info["config_error"]["text"]), soft_wrap=True)

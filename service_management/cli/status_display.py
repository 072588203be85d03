"""What `orchestrator status` prints: a line per service, or all of one service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from service_management.lifecycle.states import TEXT
from service_management.slurm.reasons import explain_pending
from service_management.time_text import age, at_most, clock, duration, moment

STYLES = {
    "ready": "green",
    "queued": "yellow",
    "starting": "yellow",
    "draining": "yellow",
    "failed": "red",
    "disabled": "dim",
}
TITLES = ("ROUTE", "STATE", "AGE", "JOB", "NODE", "NEXT")
NOTHING = "-"
_GAP = "  "


def everything(info: dict[str, Any], now: float, width: int | None) -> Iterator[Text]:
    """A header and one line per service, cut at the width; None: no line is cut."""
    services = info["services"]
    if not services:
        yield Text("No services are configured: `orchestrator add` adds one.")
        return
    rows = [TITLES, *(_cells(service, now) for service in services)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    styles = ["bold", *(STYLES.get(service["state"], "") for service in services)]
    for number, (cells, style) in enumerate(zip(rows, styles, strict=True)):
        line = _row(cells, widths, style, whole=number == 0)
        if width is not None:
            line.truncate(width, overflow="ellipsis")
        yield line


def _row(cells: Sequence[str], widths: Sequence[int], style: str, *, whole: bool) -> Text:
    """Only the state has the colour; the header is of one style."""
    line = Text()
    for number, (cell, wide) in enumerate(zip(cells, widths, strict=True)):
        line.append(f"{cell:{wide}}{_GAP}", style if whole or number == 1 else "")
    line.rstrip()
    return line


def _cells(service: dict[str, Any], now: float) -> tuple[str, ...]:
    job = service["replicas"][0] if service["replicas"] else {}
    return (
        service["route_name"],
        service["state"],
        age(now - service["since"]) if service["since"] else NOTHING,
        _jobs(service["replicas"]),
        job.get("node") or NOTHING,
        _most_important(service, job, now),
    )


def _jobs(replicas: Sequence[dict[str, Any]]) -> str:
    """The most advanced one, and how many more."""
    first = (replicas[0]["job_id"] if replicas else None) or NOTHING
    return f"{first} +{len(replicas) - 1}" if len(replicas) > 1 else first


def _most_important(service: dict[str, Any], job: dict[str, Any], now: float) -> str:
    """That the cluster is silent; else why it waits, ends or failed; else what is next."""
    state = service["state"]
    if service["cluster_trouble"] and state != "disabled":
        return str(service["cluster_trouble"])
    if state == "queued":
        return _queued(job, now)
    counted, probe, error = service["inflight"], service.get("probe"), service["last_error"]
    known = {
        "starting": probe["text"] if probe else "",
        "ready": f"{_count(counted)} in flight" if counted != 0 else "",
        "draining": service["text"].removeprefix("The service's job is ending: "),
        "failed": _failure(error["text"]) if error else "",
    }
    return str(known.get(state) or service["next"])


def _failure(text: str) -> str:
    """Without what the state says too: that it failed, and in which phase."""
    for known in (*TEXT.values(), "Slurm refused the job"):
        text = text.removeprefix(f"{known}: ")
    return text


def _queued(job: dict[str, Any], now: float) -> str:
    if not job.get("job_id"):
        return "being submitted to Slurm"
    reason = explain_pending(job["slurm_reason"] or "") or "waiting in Slurm's queue"
    start = job["estimated_start"]
    return f"starts in {at_most(start - now)}: {reason}" if start else reason


def _count(number: int | None) -> str:
    return "an unknown number" if number is None else str(number)


def one(info: dict[str, Any], now: float) -> Iterator[Text]:
    """Never wrapped: what is copied from the terminal must have no line breaks in it."""
    yield _line("name", info["name"])
    yield _line("state", info["state"], STYLES.get(info["state"], ""))
    if info["since"]:
        yield _line("since", _when(info["since"], now))
    yield _line("what", info["text"])
    yield _line("next", info["next"])
    yield _line("requests", f"{_count(info['inflight'])} in flight, {info['held']} held")
    yield _line("paths", " ".join(info["api_paths"]))
    for job in info["replicas"]:
        yield from _job(job, info, now)
    for job in info.get("abandoned", ()):  # shown with the token only
        known = job["job_id"] or "its id is not known"
        yield _line("abandoned", f"{known} ({job['job_name']}): cancelled if the cluster shows it")
    if info["last_error"]:
        yield from _error(info["last_error"], info["text"], now)
    for event in info["events"]:
        text = event["text"].partition("\n")[0]  # the rest is below "last error"
        yield _line("event", f"{clock(event['at'], now)}  {event['state']:9} {text}")


def _when(at: float, now: float) -> str:
    return f"{clock(at, now)}, {duration(now - at)} ago"


def _job(job: dict[str, Any], info: dict[str, Any], now: float) -> Iterator[Text]:
    said: str = info["text"]
    words = [job["job_id"] or "not submitted yet", job["slurm_state"], job["slurm_reason"]]
    place = [f"on {job['node']}, port {job['port']}" if job["node"] else f"port {job['port']}"]
    if job["apart_from"] and not job["node"]:
        place.append(f"not on {' or '.join(job['apart_from'])}")
    named = [*words, *place, f"({job['job_name']})"]
    yield _line("job", " ".join(word for word in named if word))
    if len(info["replicas"]) > 1 and "text" in job:
        yield _line("", f"{job['state']}: {job['text']}", STYLES.get(job["state"], ""))
    end, start = job["end_time"], job["estimated_start"]
    if end and job["node"]:
        yield _line("walltime", f"ends in {at_most(end - now)}, at {moment(end, now)}")
    elif start and moment(start, now) not in said:  # the gateway may be in another time zone
        yield _line("start", f"expected at {moment(start, now)}")


def _error(error: dict[str, Any], said: str, now: float) -> Iterator[Text]:
    """Of a failed service, the error is what it is doing: it is not said again."""
    yield _line("last error", _when(error["at"], now))
    if error["text"].lower() not in said.lower():
        yield _line("", error["text"])
    for line in error["output"]:
        yield _line("", f"| {line}")
    for key, label in (("output_file", "output in"), ("command", "command")):
        if error[key]:
            yield _line(label, error[key])


def _line(label: str, text: str, style: str = "") -> Text:
    return Text(f"{label:11} ").append(text, style)


def config_error(info: dict[str, Any]) -> Iterator[Text]:
    if info.get("config_error"):
        head = "The configuration file is not valid; the last valid one is still in use:"
        yield Text(head, style="red")
        yield Text(info["config_error"]["text"])


def print_lines(lines: Iterable[Text], console: Console) -> None:
    for line in lines:
        console.print(line, soft_wrap=True)

"""`logs --follow`: print what a service's job writes, and go on with its next job."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from service_management.cli.gateway_client import Gateway, GatewayError, JobLogs, Unanswered
from service_management.cli.terminal import note

PAUSE = 1.0  # seconds between two questions to the gateway
LONG_PART = 4096  # characters: more may be waiting, so the next question is asked at once


def follow(gateway: Gateway, route: str, lines: int) -> None:
    """Until Ctrl-C, or until the service is removed. Only the output goes to standard output."""
    first = gateway.logs(route, lines)
    if first.position is None:
        raise GatewayError("this control plane cannot follow yet: run `orchestrator upgrade`")
    _write(first.text)
    job = _job(first)
    if not job:
        note("waiting for the next job")
    for part in _parts(gateway, route, first):
        if _job(part) != job:
            _say_change(gateway, route, job, _job(part))
            job = _job(part)
        _write(part.text)


def _parts(gateway: Gateway, route: str, last: JobLogs) -> Iterator[JobLogs]:
    """A gateway or cluster that does not answer is asked again. Its silence is said once."""
    said = ""
    while True:
        if len(last.text) < LONG_PART:
            time.sleep(PAUSE)
        try:
            last = gateway.logs_after(route, last.position or "")
        except Unanswered as error:
            if str(error) != said:
                note(f"{error}; trying again")
            said, last = str(error), JobLogs("", last.position)
            continue
        said = ""
        yield last


def _say_change(gateway: Gateway, route: str, before: str, now: str) -> None:
    if before:
        note(f"job {before} has ended")
    if now:
        note(f"following job {now}")
    else:
        info = gateway.info(route)
        note(f"{info['text']} Next: {info['next']}.")


def _job(part: JobLogs) -> str:
    return (part.position or "").partition(":")[0]


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()

"""`orchestrator status`: a line per service that fits the terminal, ages in place of dates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from service_management.api import info
from service_management.cli import status_display
from service_management.cli.watch_status import watch
from service_management.lifecycle.findings import Finding, Saw
from service_management.lifecycle.states import State
from tests.unit.api.samples import FAILURE, JOB, NOW, PENDING, view

LONG = replace(FAILURE, text="Slurm refused the job: " + "it asks for too much; " * 9)


def described(*views: Any, version: str = "1") -> dict[str, Any]:
    services = [info.service(one, NOW) for one in views]
    return {"services": services, "config_error": None, "config_version": version}


def printed(*views: Any, width: int | None = 80) -> list[str]:
    return [line.plain for line in status_display.everything(described(*views), NOW, width)]


@pytest.mark.parametrize("state", State)
def test_a_service_is_one_line_of_80_columns(state: State) -> None:
    failure = LONG if state is State.FAILED else None
    header, line = printed(view(state, last_failure=failure, route="a-route-of-some-length"))
    assert line.split()[:2] == ["a-route-of-some-length", state.value]
    assert max(map(len, (header, line))) <= 80
    assert line.endswith("…") or state is not State.FAILED


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (view(State.COLD), "cold - - - a request starts it"),
        (view(State.READY, last_activity=NOW - 599), "ready 60s 7 n1 cancelled in 1 s unless"),
        (view(State.READY, inflight=3), "ready 60s 7 n1 3 in flight"),
        (view(State.READY, inflight=None), "ready 60s 7 n1 an unknown number in flight"),
        (view(State.READY, trouble="No route."), "ready 60s 7 n1 No route."),
        (view(State.QUEUED), "queued 60s 7 - other jobs are ahead of it"),
        (
            view(State.QUEUED, job=replace(PENDING, estimated_start=NOW + 599)),
            "queued 60s 7 - starts in 9 min 59 s: other jobs are ahead",
        ),
        (
            view(State.STARTING, job=replace(JOB, finding=Finding(Saw.ANSWER, "/h", 404))),
            "starting 60s 7 n1 GET /h answers 404",
        ),
        (view(State.DRAINING), "draining 60s 7 n1 no request came within its timeout"),
        (view(State.DISABLED), "disabled 60s - - nothing, until an operator enables it"),
    ],
)
def test_the_line_says_what_matters_most(shown: Any, words: str) -> None:
    assert " ".join(printed(shown)[1].split()).startswith(f"digits {words}")


def test_without_a_terminal_no_line_is_cut() -> None:
    (_, line) = printed(view(State.FAILED, last_failure=LONG), width=None)
    assert line.endswith("it asks for too much;")


def test_one_service_says_nothing_twice() -> None:
    details = info.full_details(view(State.FAILED, retry_at=NOW + 20), [], NOW)
    lines = [line.plain for line in status_display.one(details, NOW)]
    assert len(lines) == len(set(lines))
    assert sum("a request" in line for line in lines) == 1


def test_jobs_that_were_given_up_are_listed() -> None:
    given_up = (JOB, replace(JOB, name="io.digits.s1.cd", job_id=""))
    details = info.full_details(view(State.COLD, abandoned=given_up), [], NOW)
    lines = [line.plain for line in status_display.one(details, NOW)]
    shown = [line.split(maxsplit=1)[1] for line in lines if line.startswith("abandoned")]
    assert shown == [
        f"7 ({JOB.name}): cancelled if the cluster shows it",
        "its id is not known (io.digits.s1.cd): cancelled if the cluster shows it",
    ]


def looks(*found: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """One after the other; then Ctrl-C."""
    left: Iterator[dict[str, Any]] = iter(found)

    def look() -> dict[str, Any]:
        for one in left:
            return one
        raise KeyboardInterrupt

    return look


def test_watching_without_a_terminal_prints_changes_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    queued, ready = described(view(State.QUEUED)), described(view(State.READY))
    busy = described(view(State.READY, inflight=1, last_activity=NOW))
    look = looks(queued, queued, ready, described(), busy, described(version="2"))
    with pytest.raises(KeyboardInterrupt):
        watch(look, lambda _info, _now: (), pause=0)
    shown = capsys.readouterr()
    assert shown.err == "• the control plane is starting\n"
    said = [line.partition("  ")[2] for line in shown.out.splitlines()]
    assert [line.partition(": ")[2].partition(":")[0] for line in said] == [
        "queued",
        "ready",
        "removed",
    ]

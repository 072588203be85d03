"""One shape for every error, with the job, the reason, and when to ask again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest

from service_management.api import problems
from service_management.api.problems import KINDS, Kind, not_served, problem, retry_after
from service_management.lifecycle.states import Phase, State

from .samples import NOW, PENDING, replica, view, view_of


def body(response: Any) -> dict[str, Any]:
    return json.loads(response.get_data())


def test_every_kind_is_listed() -> None:
    assert [k for k in vars(problems).values() if isinstance(k, Kind)] == list(KINDS)
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_a_problem_is_what_rfc_9457_says(kind: Kind) -> None:
    response = problem(kind, "What happened: „ü“.", service="digits")
    assert response.status_code == kind.status >= 400
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    assert body(response) == {
        "type": f"urn:inference-orchestrator:problem:{kind.name}",
        "title": kind.title,
        "status": kind.status,
        "detail": "What happened: „ü“.",
        "service": "digits",
    }


@pytest.mark.parametrize(
    ("seconds", "header"), [(None, None), (0.0, "1"), (0.2, "1"), (2.1, "3"), (300, "300")]
)
def test_retry_after_is_whole_seconds_rounded_up(seconds, header) -> None:
    assert problem(KINDS[0], "", retry_after=seconds).headers.get("Retry-After") == header


@pytest.mark.parametrize("state", State)
def test_an_unavailable_service_shows_its_state_reason_and_job(state: State) -> None:
    response = not_served(view(state), NOW)
    shown = body(response)
    assert response.status_code == 503
    assert (shown["service"], shown["state"]) == ("digits", state.value)
    assert shown["reason"] == view(state).record.reason.value
    assert set(shown["job"]) == {"id", "state", "reason", "estimated_start"}
    assert shown["detail"].endswith(".")
    assert ("Retry-After" in response.headers) == (state is not State.DISABLED)
    assert ("failure" in shown) == (state is State.FAILED)


def test_a_failed_service_shows_its_job_and_exit_code() -> None:
    shown = body(not_served(view(State.FAILED), NOW))
    assert shown["type"].endswith(":failed")
    assert shown["job"]["id"] == "6"
    assert shown["failure"]["exit_code"] == 3


def test_a_service_without_a_job_has_nulls_for_it() -> None:
    shown = body(not_served(view(State.COLD), NOW))
    assert set(shown["job"].values()) == {None}


def test_the_job_is_the_most_advanced_replicas() -> None:
    queued, starting = replica(0, Phase.QUEUED), replica(1, Phase.STARTING)
    shown = body(not_served(view_of(queued, starting), NOW))
    assert (shown["state"], shown["reason"], shown["job"]["id"]) == ("starting", "loading", "71")
    shown = body(not_served(view_of(queued, replica(1, Phase.DRAINING)), NOW))
    assert (shown["state"], shown["job"]["id"]) == ("queued", "70")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (view(State.DISABLED), None),
        (view(State.FAILED, retry_at=NOW + 30), 30.0),
        (view(State.FAILED, retry_at=NOW - 30), 1.0),
        (view(State.QUEUED), 5.0),
        (view(State.QUEUED, job=replace(PENDING, estimated_start=NOW + 60)), 60.0),
        (view(State.QUEUED, job=replace(PENDING, estimated_start=NOW - 60)), 5.0),
        (view(State.QUEUED, job=replace(PENDING, estimated_start=NOW + 9999)), 300.0),
        (view(State.STARTING), 5.0),
    ],
)
def test_a_retry_is_due_when_it_can_help(shown, expected) -> None:
    assert retry_after(shown, NOW) == expected


def test_the_openai_sdk_has_the_reason_in_its_body() -> None:
    """As docs/clients.md says; the text of its error is the status alone."""
    refused = not_served(view(State.FAILED), NOW)
    transport = httpx.MockTransport(
        lambda _request: httpx.Response(
            refused.status_code, headers=dict(refused.headers), content=refused.data
        )
    )
    with (
        httpx.Client(transport=transport) as http,
        pytest.raises(openai.InternalServerError, match=r"^Error code: 503$") as raised,
    ):
        client = openai.OpenAI(base_url="http://x/v1", api_key="-", http_client=http, max_retries=0)
        client.models.list()
    assert raised.value.body["detail"] == body(refused)["detail"]  # type: ignore[index]

"""A path that is not served: the nearest one is named, to a program and to a browser."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from html import unescape

import pytest
from werkzeug.test import TestResponse

from tests.pages.site import Site, as_nginx_asks

Ask = Callable[..., TestResponse]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """As nginx asks: `/llama/…` belongs to a service, unless it is at its own address."""
    app = Site().application()
    ours, theirs = socket.socketpair()
    app.wsgi_app = as_nginx_asks(app.wsgi_app, ours)  # type: ignore[method-assign]
    yield lambda path, **headers: app.test_client().get(path, headers=headers)
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        ("/digits/predct", "/digits/predict"),
        ("/digits/Predict/", "/digits/predict"),
        ("/llama/v2/models", "/llama/v1/models"),
        ("/llama/chat/completions", "/llama/v1/chat/completions"),
        ("/dgits/predict", "/digits/predict"),
        ("/whisper-v3", "/whisper"),
        ("/infos", "/info"),
        ("/helthz", "/healthz"),
        ("/dgits/a%3Fb%E2%80%AEc", "/digits/a%3Fb%E2%80%AEc"),
    ],
)
def test_the_nearest_path_is_named(ask: Ask, path: str, suggestion: str) -> None:
    assert ask(path).get_json()["detail"].endswith(f" Did you mean {suggestion}?")


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        ("/healthz/", "/healthz"),
        ("/metrics/", "/metrics"),
        ("/metrics/x/y", "/metrics"),
        ("/helthz/x", "/healthz"),
        ("/info/", "/info"),
        ("/infos/digits", "/info/digits"),
        ("/infos/nothing", "/info"),
    ],
)
def test_nothing_is_suggested_below_a_path_of_its_own(ask: Ask, path: str, suggestion: str) -> None:
    assert ask(path).get_json()["detail"].endswith(f" Did you mean {suggestion}?")


@pytest.mark.parametrize("path", ["/llama/v1", "/llama/", "/digits/../x", "/digits/..", "/healthz"])
def test_what_was_asked_for_is_never_suggested(ask: Ask, path: str) -> None:
    assert f"Did you mean {path}?" not in ask(path).text


def test_dot_segments_do_not_deny_a_route_that_exists(ask: Ask) -> None:
    """nginx has resolved them: the path belongs to no service."""
    detail = ask("/digits/../x").get_json()["detail"]
    assert (
        detail == "/digits/../x means /x. No service has the route 'x'. GET /info lists all routes."
    )


@pytest.mark.parametrize("path", ["/digits/xyz", "/zzzzzzz", "/digits/" + "predict" * 100, "/"])
def test_without_a_near_one_no_path_is_suggested(ask: Ask, path: str) -> None:
    assert "Did you mean" not in ask(path).text


def test_a_programs_404_is_a_problem_document(ask: Ask) -> None:
    answer = ask("/digits/predct")
    assert answer.content_type == "application/problem+json"
    assert answer.get_json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "/digits/predct is not offered by digits. It offers /digits/predict, "
        "/digits/explain. Did you mean /digits/predict?",
        "service": "digits",
    }
    assert "service" not in ask("/nothing/x").get_json()


@pytest.mark.parametrize("route", ["healthz", "infos", "metrics"])
def test_no_path_of_its_own_is_suggested_as_a_service(ask: Ask, route: str) -> None:
    page = ask(f"/info/{route}", Accept="text/html")
    assert f"No service has the route {route!r}" in unescape(page.text)
    assert "Did you mean" not in page.text


@pytest.mark.parametrize("path", ["/info/", "/info//"])
def test_a_path_of_the_gateways_own_is_refused_in_its_words(ask: Ask, path: str) -> None:
    answer = ask(path)
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["detail"] == f"The gateway does not serve {path}. Did you mean /info?"
    page = ask(path, Accept="text/html")
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert 'href="/info"' in page.text


def test_a_method_that_is_not_allowed_is_named() -> None:
    answer = Site().application().test_client().post("/info")
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert answer.get_json()["detail"] == "/info does not accept POST, only GET, HEAD, OPTIONS."


def test_a_browsers_404_is_a_page_with_links(ask: Ask) -> None:
    answer = ask("/digits/predct", Accept="text/html")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    for link in ('href="/digits/predict"', 'href="/info/digits"', 'href="/"'):
        assert link in answer.text


@pytest.mark.parametrize("path", ["/digits/<script>x", "/<script>x", "//evil.example/info"])
def test_a_404_page_is_safe_to_show(ask: Ask, path: str) -> None:
    page = ask(path, Accept="text/html").text
    assert "<script>x" not in page
    assert 'href="//' not in page

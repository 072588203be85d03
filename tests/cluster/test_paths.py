"""Only declared paths are served; others are refused and start nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable

import httpx

from tests.stack.stack import Stack

PROBLEM = "application/problem+json"


def refused(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == PROBLEM
    problem: dict[str, object] = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "detail"} <= problem.keys()
    return problem


def test_undeclared_path_is_404_without_waking(stack: Stack, service: Callable[..., str]) -> None:
    route = service(api_paths=["/echo", "/items/*"])
    undeclared = ("", "/", "/hash", "/echo/", "/echo/x", "/echo2", "/Echo", "/items", "//echo")
    for path in undeclared:
        problem = refused(stack.client.post(f"/{route}{path}", content=b"x"), 404)
        assert problem["service"] == route
    near = refused(stack.client.get(f"/{route}/ecko"), 404)
    assert str(near["detail"]).endswith(f"Did you mean /{route}/echo?")
    page = stack.client.get(f"/{route}x/echo", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert f'href="/{route}/echo"' in page.text
    assert stack.state(route) == "cold"
    assert stack.submissions(route) == 0

    assert stack.client.post(f"/{route}/echo?any=query").json()["path"] == "/echo"
    for path in ("/items/", "/items/7", "/items/a/b%20c"):
        answer = stack.client.get(f"/{route}{path}")
        assert (answer.status_code, answer.json()) == (404, {"error": f"no {path} here"})
    for path in undeclared:
        refused(stack.client.post(f"/{route}{path}", content=b"x"), 404)


def test_path_outside_every_service_is_404(stack: Stack, service: Callable[..., str]) -> None:
    route = service()
    foreign = (
        f"/{route}x/echo",
        f"/{route}x",
        f"/x{route}/echo",
        "/informatics",
        "/infos/",
        "/healthzz",
        "/metricsx",
        "/adminx/services",
        "/_demand/" + route,
        "/_hold/" + route,
        "/_quiet/" + route,
        "/_e/404",
    )
    for path in foreign:
        refused(stack.client.get(path), 404)
    assert stack.state(route) == "cold"


def test_prefixes_do_not_leak_into_other_routes_or_gateway_paths(stack: Stack, route: str) -> None:
    routes = (route, f"{route}x", "informatics", "in")
    stack.configure(*(stack.entry(name, api_paths=["/echo"]) for name in routes))

    assert stack.client.get("/informatics/echo").json()["path"] == "/echo"
    assert stack.client.get(f"/{route}x/echo").json()["path"] == "/echo"

    assert {name: stack.state(name) for name in routes} == {
        route: "cold",
        f"{route}x": "ready",
        "informatics": "ready",
        "in": "cold",
    }
    assert "services" in stack.client.get("/info").json()
    assert stack.client.get("/info/informatics").json()["route_name"] == "informatics"
    refused(stack.client.get("/info/echo"), 404)
    refused(stack.client.get("/info/info"), 404)


def test_a_body_beyond_max_body_is_413_and_wakes_nothing(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(max_body="10kB")

    problem = refused(stack.client.post(f"/{route}/hash", content=bytes(10_001)), 413)

    assert "10000 bytes" in str(problem["detail"])
    assert problem["service"] == route
    assert stack.state(route) == "cold"
    assert stack.client.post(f"/{route}/hash", content=bytes(10_000)).status_code == 200
    chunks = (bytes(1000) for _ in range(11))
    refused(stack.client.post(f"/{route}/hash", content=chunks), 413)
    assert stack.client.get(f"/{route}/executed").json()["total"] == 1


def test_an_idle_connection_does_not_keep_old_nginx_workers(
    stack: Stack, service: Callable[..., str]
) -> None:
    """Browsers connect ahead of the request they may make; an old worker would hear it."""
    with socket.create_connection(("127.0.0.1", stack.port), 10) as connection:
        service()
        assert connection.recv(1000) == b""  # closed within seconds: ask again, on a new one


def test_the_gateways_own_paths_start_nothing(stack: Stack, service: Callable[..., str]) -> None:
    route = service()
    for path in ("/info", f"/info/{route}", "/healthz", "/metrics", "/"):
        assert stack.client.get(path).status_code == 200
    assert stack.state(route) == "cold"


def test_admin_needs_its_token(stack: Stack, service: Callable[..., str]) -> None:
    route = service()
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic dGVzdA=="}):
        for verb in ("start", "stop", "restart", "enable", "disable"):
            url = f"/admin/services/{route}/{verb}"
            refused(stack.client.post(url, headers=headers), 401)
    assert stack.state(route) == "cold"
    assert stack.admin(route, "start").json()["state"] == "queued"
    stack.wait_for_state(route, "ready")
    assert stack.admin(route, "disable").status_code == 200
    stack.wait_for_state(route, "disabled")
    problem = refused(stack.client.get(f"/{route}/echo"), 503)
    assert problem["state"] == "disabled"

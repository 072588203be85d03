"""A path that the gateway does not serve: nginx asks for the words, so that they name what was
probably meant. While the control plane does not answer, or too many ask, nginx has words of its
own (nginx/snippets/error_documents.conf)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote

from flask import Request, Response

from service_management.api import pages, problems
from service_management.config import Service
from service_management.config.config_problem import nearest, plain
from service_management.controller.snapshot import Snapshot

_OWN = ("info", "healthz", "metrics")  # the gateway's own first segments, as if they were routes
_LONGEST = 200  # characters of a path that is worth a suggestion


@dataclass(frozen=True)
class NotFound:
    """`service` is the route, if the path belongs to one; `prefix` is empty at its own address."""

    path: str
    service: str
    prefix: str

    @classmethod
    def read(cls, request: Request) -> NotFound:
        path = request.headers.get("X-Original-URI", "").partition("?")[0]
        get = request.headers.get
        return cls(unquote(path), get("X-Original-Service", ""), get("X-Original-Prefix", ""))


def answer(asked: NotFound, snapshot: Snapshot, *, html: bool) -> Response:
    service = snapshot.services.get(asked.service)
    text, suggestion = _of(service, asked) if service else _without_service(asked, snapshot)
    if html:
        return _page("No such path" if service else "No such service", text, suggestion, asked)
    members = {"service": asked.service} if asked.service else {}
    detail = text + _hint(suggestion)
    return problems.document("about:blank", "Not Found", 404, detail, **members)


def _hint(suggestion: str) -> str:
    return f" Did you mean {suggestion}?" if suggestion else ""


def _page(title: str, text: str, suggestion: str, asked: NotFound | None = None) -> Response:
    """At a service's own address there are no other pages to lead to."""
    own_address = asked is not None and asked.service and not asked.prefix
    return pages.page(
        "not_found.html",
        404,
        title=title,
        text=text,
        suggestion=suggestion,
        route=asked.service if asked else "",
        own_address=own_address,
    )


def own_path(path: str, snapshot: Snapshot, *, html: bool) -> Response:
    """Below a path of the gateway's own, such as `/info/`."""
    text, suggestion = _without_service(NotFound(path, "", ""), snapshot)
    if html:
        return _page("No such path", text, suggestion)
    return problems.problem(problems.NOT_FOUND, text + _hint(suggestion))


def service_page(snapshot: Snapshot, route: str) -> Response:
    """`/info/<route>` of a service that is not there."""
    if snapshot.may_have(route):
        return pages.starting()
    near = nearest(route, list(snapshot.services)) if len(route) < _LONGEST else ""
    return _page("No such service", _no_route(route), near and f"/info/{near}")


def _of(service: Service, asked: NotFound) -> tuple[str, str]:
    below = asked.path.removeprefix(asked.prefix)
    paths = list(service.api_paths)
    shown = [asked.prefix + path for path in paths[:5]] + ["…"] * (len(paths) > 5)
    text = f"{_named(asked.path)} is not offered by {service.route_name}."
    text += f" It offers {', '.join(shown)}."
    near = (path for path in _candidates(below, paths) if path != below)
    found = nearest(below, near) if len(below) < _LONGEST else ""
    return text, _link(asked.prefix + found) if found else ""


def _candidates(below: str, paths: list[str]) -> Iterator[str]:
    """What may be asked for. Below `/v1/*`, of `/v2/x/y` only the beginning may be wrong, and of
    `/x/y` it may be missing."""
    for path in paths:
        if not path.endswith("/*"):
            yield path
            continue
        top = path.removesuffix("/*")
        segments = below.split("/")
        yield "/".join([top, *segments[top.count("/") + 1 :]])
        yield top + below


def _without_service(asked: NotFound, snapshot: Snapshot) -> tuple[str, str]:
    path = _resolved(asked.path)
    route, slash, rest = path.removeprefix("/").partition("/")
    names = [*snapshot.services, *_OWN] if len(path) < _LONGEST else []
    found = nearest(route, names)
    below = found in snapshot.services or (found == "info" and rest in snapshot.services)
    suggestion = found and f"/{found}" + (f"{slash}{rest}" if below else "")
    text = f"{_named(asked.path)} means {_named(path)}. " if path != asked.path else ""
    if route in (*_OWN, "admin"):
        text += f"The gateway does not serve {_named(path)}."
    else:
        text += _no_route(route)
    return text, "" if suggestion == asked.path else _link(suggestion)


def _no_route(route: str) -> str:
    return f"No service has the route {plain(route)!r}. GET /info lists all routes."


def _resolved(path: str) -> str:
    """As nginx read it: a service that `..` leads away from was not asked."""
    dotted = {".", ".."} & set(path.split("/"))
    return posixpath.normpath(path) if dotted else path


def _link(path: str) -> str:
    """What was typed may be part of it: a question mark, or characters that reorder text."""
    return quote(path, safe="/!$&'()*+,;=:@~")


def _named(path: str) -> str:
    return plain(path, 200) or "This path"

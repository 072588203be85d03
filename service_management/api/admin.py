"""/admin: what operators can do and see with the admin token."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from service_management.api import info, problems
from service_management.api.problems import problem
from service_management.controller.job_output import JobOutputs
from service_management.controller.loop import Controller
from service_management.controller.snapshot import Snapshot
from service_management.lifecycle import events as ev
from service_management.lifecycle.record import ServiceRecord
from service_management.ssh.errors import ClusterError
from service_management.store import Store

VERBS: dict[str, Callable[[bool], ev.Event]] = {
    "start": lambda _hurry: ev.StartAsked(),
    "stop": ev.StopAsked,
    "restart": lambda _hurry: ev.RestartAsked(),
    "enable": lambda _hurry: ev.EnableAsked(),
    "disable": lambda _hurry: ev.DisableAsked(),
}
MOST_LINES = 1000


def blueprint(
    controller: Controller, snapshot: Snapshot, outputs: JobOutputs, store: Store
) -> Blueprint:
    """`Access` has checked the token."""
    admin = Blueprint("admin", __name__, url_prefix="/admin")

    @admin.get("/services/<route>")
    def details(route: str) -> Response:
        view = snapshot.in_full(route)
        if view is None:
            return problems.unknown_service(snapshot, route)
        return jsonify(info.full_details(view, store.events(route), time.time()))

    @admin.post("/services/<path:route>/<any(start, stop, restart, enable, disable):verb>")
    def change(route: str, verb: str) -> Response:
        view = snapshot.of(route)
        if view is None:
            return problems.unknown_service(snapshot, route)
        if verb in ("start", "restart") and _disabled(view.record):
            text = f"{route} is disabled: enable it first."
            return problem(problems.CONFLICT, text, **problems.about(view))
        event = VERBS[verb](request.args.get("now") == "1")
        return _decided(controller, snapshot, route, event)

    @admin.get("/services/<path:route>/logs")
    def logs(route: str) -> Response:
        view = snapshot.in_full(route)
        if view is None:
            return problems.unknown_service(snapshot, route)
        lines, after = request.args.get("lines", default=100, type=int), request.args.get("after")
        try:
            if after is None:
                written = outputs.last_lines(view.record, max(1, min(lines, MOST_LINES)))
            else:
                written = outputs.after(view.record, after)
        except ClusterError as error:
            return problem(problems.CLUSTER, error.text, **problems.about(view))
        response = Response(written.text, content_type="text/plain; charset=utf-8")
        response.headers["X-Log-Position"] = written.position
        return response

    _replicas(admin, controller, snapshot)
    _scaling(admin, controller, snapshot)
    _overviews(admin, snapshot)
    return admin


def _replicas(admin: Blueprint, controller: Controller, snapshot: Snapshot) -> None:
    @admin.post("/services/<path:route>/replicas/<slot>/abandon")
    def abandon(route: str, slot: str) -> Response:
        record = snapshot.records.get(route)  # also of a service that was removed
        if record is None:
            return problems.unknown_service(snapshot, route)
        replica = next((one for one in record.replicas if str(one.slot) == slot), None)
        if replica is None:
            there = ", ".join(str(one.slot) for one in record.replicas) or "none"
            text = f"{route} has no replica in slot {slot!r}. Slots in use: {there}."
            return problem(problems.UNKNOWN_REPLICA, text, **_state(snapshot, route))
        if replica.live:
            text = (
                f"Replica {slot} of {route} is {replica.phase.value}, and only a draining one can "
                f"be given up: stop the service first (orchestrator stop --now {route})."
            )
            return problem(problems.CONFLICT, text, **_state(snapshot, route))
        return _decided(controller, snapshot, route, ev.AbandonAsked(replica.slot))


def _scaling(admin: Blueprint, controller: Controller, snapshot: Snapshot) -> None:
    @admin.post("/services/<path:route>/scale")
    def scale(route: str) -> Response:
        view = snapshot.of(route)
        if view is None:
            return problems.unknown_service(snapshot, route)
        numbers: Any = request.get_json(force=True, silent=True)  # nginx passes on no Content-Type
        if (wrong := scale_fault(numbers)) is not None:
            return problem(problems.BAD_REQUEST, wrong, **problems.about(view))
        if not controller.scale(route, numbers):
            text, wait = "The control plane did not take it up within 5 s.", problems.RESTARTING
            return problem(problems.BUSY, text, retry_after=wait, service=route)
        return jsonify({**_state(snapshot, route), **numbers})


def _overviews(admin: Blueprint, snapshot: Snapshot) -> None:
    @admin.get("/config")
    def configuration() -> Response:
        return jsonify(info.configuration(snapshot))

    @admin.get("/services")
    def everything() -> Response:
        return jsonify(info.everything_in_full(snapshot, time.time()))


def _decided(controller: Controller, snapshot: Snapshot, route: str, event: ev.Event) -> Response:
    if controller.ask(route, event):
        return jsonify(_state(snapshot, route))
    text, wait = "The control plane did not decide within 5 s.", problems.RESTARTING
    return problem(problems.BUSY, text, retry_after=wait, service=route)


def _state(snapshot: Snapshot, route: str) -> dict[str, Any]:
    view = snapshot.of(route)
    return problems.about(view) if view else {"service": route, "state": None}


def scale_fault(numbers: Any) -> str | None:
    """What is wrong with the body of a request to scale."""
    limits = {"min_replicas": (0, 64), "max_replicas": (1, 64)}
    if not isinstance(numbers, dict) or numbers.keys() - limits.keys():
        return "The body must be a JSON object with min_replicas, max_replicas, both or neither."
    for key, number in numbers.items():
        low, high = limits[key]
        if type(number) is not int or not low <= number <= high:
            return f"{key} must be a whole number from {low} to {high}."
    if numbers.get("min_replicas", 0) > numbers.get("max_replicas", 64):
        return "min_replicas must not be more than max_replicas."
    return None


def _disabled(record: ServiceRecord) -> bool:
    """It is, or will be when its job has ended."""
    return not record.enabled

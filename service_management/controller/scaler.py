"""Asks once a second how many replicas each service in demand wants, and keeps what the next answer
needs. Services with `max_replicas: 1` cost nothing here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from service_management.lifecycle.activity import Seen, total
from service_management.lifecycle.planner import capacity
from service_management.lifecycle.policy import Policy, in_use
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.scaling import ScalingDecision, ScalingLimits, decide_scale
from service_management.lifecycle.scaling_state import ScalingState

DECIDE_EVERY = 1.0  # as often as there is a new mean


@dataclass(frozen=True)
class Scale:
    """For people: how many replicas a service wants now, and why."""

    wanted: int = 0
    reason: str = ""  # empty where the load does not count
    least: int = 0  # min_replicas, or what the schedule asks for now
    least_because: str = "min_replicas"


NO_SCALE = Scale()


@dataclass
class _Scaled:
    state: ScalingState
    decision: ScalingDecision | None = None
    limits: ScalingLimits | None = None  # with which it was made
    due_at: float = 0.0


class Scaler:
    def __init__(self, stored: Any = None) -> None:
        """`stored`: what `to_json` gave to an earlier process."""
        self._stored = dict(stored) if isinstance(stored, dict) else {}
        self._scaled: dict[str, _Scaled] = {}

    def decision(self, route: str) -> ScalingDecision | None:
        """The last one; None for a service that is not scaled now."""
        scaled = self._scaled.get(route)
        return scaled.decision if scaled else None

    def look(self, record: ServiceRecord, seen: Seen, policy: Policy, now: float) -> None:
        """With every new look at the service."""
        if policy.max_replicas == 1 or not in_use(record, policy):
            self._scaled.pop(record.route, None)
            return
        scaled = self._scaled.get(record.route) or self._resumed(record.route, now)
        scaled.state = scaled.state.observed(now, _load(record, seen))
        limits = _limits(policy)
        if now < scaled.due_at and limits == scaled.limits:
            return
        scaled.limits, scaled.due_at = limits, now + DECIDE_EVERY
        scaled.state, scaled.decision = decide_scale(scaled.state, limits, capacity(record), now)

    def _resumed(self, route: str, now: float) -> _Scaled:
        scaled = _Scaled(ScalingState.resumed(self._stored.pop(route, None), now))
        self._scaled[route] = scaled
        return scaled

    def to_json(self) -> dict[str, Any]:
        return {route: scaled.state.to_json() for route, scaled in self._scaled.items()}


def _load(record: ServiceRecord, seen: Seen) -> float | None:
    """What a draining replica still answers needs no other one."""
    inflight = total([seen.inflight.get(one.slot) for one in record.live])
    return None if inflight is None else inflight + seen.held


def _limits(policy: Policy) -> ScalingLimits:
    return ScalingLimits(
        policy.target_inflight,
        policy.max_replicas,
        policy.min_replicas,
        policy.min_because,
        policy.scale_down_delay,
    )

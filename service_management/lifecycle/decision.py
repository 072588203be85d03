"""What a decision is given, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass

from service_management.lifecycle.actions import Action
from service_management.lifecycle.policy import Policy
from service_management.lifecycle.record import Job, Record


@dataclass(frozen=True)
class Context:
    """The clock, the configuration's word, and the job to use if one is needed: None where
    none can be, and while nobody knows how one would be submitted."""

    now: float
    policy: Policy
    fresh: Job | None


@dataclass(frozen=True)
class Decision:
    record: Record | None  # None: forget the service
    actions: tuple[Action, ...] = ()

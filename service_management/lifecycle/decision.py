"""What a decision is given, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass

from service_management.lifecycle.actions import Submit
from service_management.lifecycle.policy import Policy
from service_management.lifecycle.record import Job, Record


@dataclass(frozen=True)
class Context:
    """The time, what the configuration says, and the job to submit if one is needed. No job where
    none may be submitted: one exists already, or the service is not in the configuration."""

    now: float
    policy: Policy
    fresh: Job | None


@dataclass(frozen=True)
class Decision:
    record: Record | None  # None: forget the service
    submission: Submit | None = None  # set once: by the decision that wrote the intent

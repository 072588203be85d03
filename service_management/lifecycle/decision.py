"""What a decision is given."""

from __future__ import annotations

from dataclasses import dataclass

from service_management.lifecycle.policy import Policy
from service_management.lifecycle.scaling import ScalingDecision


@dataclass(frozen=True)
class Context:
    """The time, and what the configuration says."""

    now: float
    policy: Policy
    wall: float = 0.0  # the time by the wall clock, for times that Slurm names
    scaling: ScalingDecision | None = None  # None: it has one replica at most, or is not in use
    longest_request: float | None = None  # in seconds, as its requests usually are; None: not known

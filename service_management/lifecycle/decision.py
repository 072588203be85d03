"""What a decision is given."""

from __future__ import annotations

from dataclasses import dataclass

from service_management.lifecycle.policy import Policy


@dataclass(frozen=True)
class Context:
    """The time, and what the configuration says."""

    now: float
    policy: Policy
    wall: float = 0.0  # the time by the wall clock, for times that Slurm names

"""A service and its replicas: a record had one job, whose state was the service's."""

import json
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"
_SERVICES = sa.table("services", sa.column("route"), sa.column("record"))
_KEPT = (
    "last_demand",
    "last_activity",
    "busy",
    "failures",
    "retry_at",
    "last_failure",
    "starts",
)


def upgrade() -> None:
    connection = op.get_bind()
    rows = connection.execute(sa.select(_SERVICES.c.route, _SERVICES.c.record)).all()
    for route, text in rows:
        # One that cannot be read stays as it is: it is left out when the store is loaded.
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            new = {"record": json.dumps(split(json.loads(text)))}
            connection.execute(sa.update(_SERVICES).where(_SERVICES.c.route == route).values(new))


def split(old: dict[str, Any]) -> dict[str, Any]:
    state, after, job = old.get("state", "cold"), old.get("after", "cold"), old.get("job")
    draining = state == "draining"
    return {
        **{key: old[key] for key in _KEPT if key in old},
        "route": old["route"],
        "replicas": [_replica(old, job)] if job else [],
        "demand": bool(old.get("again")) if draining else bool(job),
        "enabled": state != "disabled" and not (draining and after == "disabled"),
        "removed": draining and after is None,
        "resting_since": old.get("since", 0.0),
        "resting_reason": old.get("reason", ""),
        "failed": state == "failed",
    }


def _replica(old: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    draining = old["state"] == "draining"
    cancelled = job.pop("cancelled", False) or (draining and old.get("hurry", False))
    return {
        "route": old["route"],
        "slot": 0,
        "job": job,
        "phase": old["state"],
        "since": old.get("since", 0.0),
        "reason": old.get("reason", ""),
        "ready_since": old.get("ready_since"),
        "startup_used": old.get("startup_used", 0.0),
        "strikes": old.get("strikes", 0),
        "cancelled": cancelled,
    }

"""The records: events are applied here, in memory; at the end of a pass the loop commits what
changed."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import structlog

from service_management.config import Service
from service_management.controller.event_entries import EventEntries
from service_management.controller.isolation import Isolation
from service_management.controller.job_spec import JobSpec, has_readable_spec
from service_management.controller.scaler import Scale, Scaler
from service_management.controller.warm_hours import warm_hours
from service_management.lifecycle.activity import Seen
from service_management.lifecycle.decision import Context
from service_management.lifecycle.events import Event
from service_management.lifecycle.intervals import SOFT_SAVE
from service_management.lifecycle.planner import planned, wanted_replicas
from service_management.lifecycle.policy import Policy, has_room
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.schedules import WarmHours
from service_management.lifecycle.transitions import decide
from service_management.slurm.job_names import job_name
from service_management.store import LogEntry
from service_management.usage.start_counters import StartCounters

_LOG = structlog.get_logger(__name__)
# For a service that is not in the configuration (yet): nothing ends by itself.
_UNCONFIGURED = Policy(math.inf, math.inf, math.inf, drain_timeout=60.0)


class RecordStore(Protocol):
    """What the controller writes."""

    def save(
        self,
        records: Iterable[ServiceRecord],
        forgotten: Iterable[str] = (),
        entries: Sequence[LogEntry] = (),
    ) -> None: ...

    def note(self, key: str, value: Any) -> None: ...


@dataclass
class Changes:
    """What changed since the last commit. Bounded by the number of replicas, however often a commit
    fails: of the actions only submissions are kept, all others follow from the records."""

    records: dict[str, ServiceRecord] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    entries: list[LogEntry] = field(default_factory=list)
    durable: set[str] = field(default_factory=set)  # whose record has to reach the disk now
    submissions: set[str] = field(default_factory=set)  # names of jobs
    touched: set[str] = field(default_factory=set)  # to be planned, and their actions are due


class Records:
    """`ahead`: how far the wall clock is ahead of the controller's."""

    def __init__(
        self,
        identity: str,
        key_dir: Path,
        records: Mapping[str, ServiceRecord],
        ahead: Callable[[], float] = lambda: 0.0,
        scaler: Scaler | None = None,
    ) -> None:
        self._ahead = ahead
        self._unreadable = {
            route: record
            for route, record in records.items()
            if not all(map(has_readable_spec, record.jobs))
        }
        self._all = {r: record for r, record in records.items() if r not in self._unreadable}
        self._active = {route: record for route, record in self._all.items() if record.active}
        self.services: dict[str, Service] = {}
        self.specs: dict[str, JobSpec] = {}
        self.always_on: frozenset[str] = frozenset()
        self.identity, self._key_dir = identity, key_dir
        self._policies: dict[str, Policy] = {}
        self._scheduled_for = -1  # the minute whose hours are in the policies
        self._saved_at: dict[str, float] = {}
        self._event_entries = EventEntries()
        self._changes = Changes()
        self._isolation = Isolation("an event of a service could not be applied")
        self._planning = Isolation("a service could not be planned")
        self.start_counters = StartCounters()
        self.scaler = scaler or Scaler()

    def configure(self, services: Mapping[str, Service]) -> None:
        """Take up a catalogue: as a whole, or not at all if a service of it raises an error. A new
        service begins cold."""
        specs = {r: JobSpec.of(s, self._key_dir) for r, s in services.items()}
        self._policies = {route: policy_of(service) for route, service in services.items()}
        self.services, self.specs = dict(services), specs
        self._scheduled_for = -1
        self._note_always_on()
        self._repair_specs()
        for route in services:
            if route not in self._all:
                self._all[route] = self._changes.records[route] = ServiceRecord(route)

    def follow_schedules(self, wall: float) -> None:
        """Once a minute by the wall clock, and after an edit: the hours of schedules have begun or
        ended."""
        if int(wall // 60) == self._scheduled_for:
            return
        self._scheduled_for = int(wall // 60)
        for route, service in self.services.items():
            if service.schedule:
                self._policies[route] = policy_of(service, warm_hours(service, wall))
                self._changes.touched.add(route)
        self._note_always_on()

    def _note_always_on(self) -> None:
        self.always_on = frozenset(r for r, policy in self._policies.items() if policy.always_on)

    def _repair_specs(self) -> None:
        """A job whose stored specification cannot be read, such as one by another version, is
        reached as its service is configured now. Without a service it is left to the search for
        orphans. Done here, once, because everything else relies on it."""
        for route, record in list(self._unreadable.items()):
            del self._unreadable[route]
            if route in self.specs:
                self._set(_respecified(record, self.specs[route].dump()))
                self._changes.durable.add(route)
                _LOG.error(
                    "a job's stored specification could not be read; "
                    "its service's configuration is used instead",
                    route=route,
                )
            else:
                self._changes.forgotten.add(route)
                _LOG.error(
                    "a job's stored specification could not be read, and its service is "
                    "no longer configured: the job is forgotten",
                    route=route,
                )

    def get(self, route: str) -> ServiceRecord | None:
        return self._all.get(route)

    def all(self) -> list[ServiceRecord]:
        return list(self._all.values())

    def service(self, route: str) -> Service | None:
        return self.services.get(route)

    def active(self) -> list[ServiceRecord]:
        return list(self._active.values())

    def replicas(self) -> list[Replica]:
        return [one for record in self._active.values() for one in record.replicas]

    def abandoned(self) -> list[tuple[str, Job]]:
        """With the route. Operators gave them up; they may still run."""
        return [(route, job) for route, record in self._all.items() for job in record.abandoned]

    def job_names(self) -> set[str]:
        """Of all jobs that are no orphans."""
        return {job.name for record in self._all.values() for job in record.jobs}

    def apply(self, route: str, event: Event, now: float) -> None:
        record = self._all.get(route)
        if record is None:
            return
        after = decide(record, event, self._context(route, now))
        if after is None:
            self._forget(route, record, now)
            return
        self._changes.touched.add(route)
        if after != record:
            self._keep(record, after, event, now)

    def apply_safely(self, route: str, event: Event, now: float) -> bool:
        return self._isolation.attempt(route, lambda: self.apply(route, event, now))

    def plan(
        self, route: str, seen: Seen | None, now: float, longest_request: float | None = None
    ) -> None:
        """Once in a pass, after all that happened; `seen` where the service was looked at."""
        record = self._all.get(route)
        if record is None:
            return
        self._changes.touched.add(route)
        if seen is not None:
            self.scaler.look(record, seen, self._policy(route), now)
        fresh = partial(self._fresh_job, route, now, self._ports())
        context = replace(self._context(route, now), longest_request=longest_request)
        after = planned(record, seen, context, fresh)
        known = {one.job.name for one in record.replicas}
        self._changes.submissions |= {one.job.name for one in after.replicas} - known
        if after != record:
            self._keep(record, after, None, now)

    def plan_safely(
        self, route: str, seen: Seen | None, now: float, longest_request: float | None = None
    ) -> bool:
        plan = partial(self.plan, route, seen, now, longest_request)
        return self._planning.attempt(route, plan)

    def has_room(self, record: ServiceRecord, slot: int) -> bool:
        """For a job that is found on the cluster."""
        return has_room(record, slot, self._policy(record.route))

    def touched(self) -> set[str]:
        return self._changes.touched

    def _context(self, route: str, now: float) -> Context:
        scaling = self.scaler.decision(route)
        return Context(now, self._policy(route), now + self._ahead(), scaling)

    def _policy(self, route: str) -> Policy:
        return self._policies.get(route, _UNCONFIGURED)

    def scale(self, record: ServiceRecord) -> Scale:
        """How many replicas it wants now, and why."""
        context = self._context(record.route, 0.0)
        return Scale(
            wanted_replicas(record, context),
            context.scaling.reason if context.scaling else "",
            context.policy.min_replicas,
            context.policy.min_because,
        )

    def _fresh_job(self, route: str, now: float, taken: set[int], slot: int) -> Job | None:
        spec = self.specs.get(route)
        if spec is None:
            return None
        port = spec.choose_port()
        # Two jobs may share a node: with the same port, the wrong one would answer the probe.
        while not spec.remote_port and port in taken:
            port = spec.choose_port()
        taken.add(port)
        name = job_name(self.identity, route, slot, secrets.token_hex(4))
        return Job(name, port, now, spec.dump(), token=spec.choose_token())

    def _ports(self) -> set[int]:
        return {one.job.port for one in self.replicas()}

    def take_changes(self) -> Changes:
        changes, self._changes = self._changes, Changes()
        return changes

    def put_back(self, changes: Changes) -> None:
        """They could not be committed: the next pass tries again. Newer changes win."""
        changes.records |= self._changes.records
        changes.forgotten |= self._changes.forgotten
        changes.entries += self._changes.entries
        changes.durable |= self._changes.durable
        changes.submissions |= self._changes.submissions
        changes.touched |= self._changes.touched
        self._changes = changes

    def _forget(self, route: str, record: ServiceRecord, now: float) -> None:
        del self._all[route]
        self._active.pop(route, None)
        self._changes.records.pop(route, None)
        self._changes.forgotten.add(route)
        self._saved_at.pop(route, None)
        self._event_entries.forget(record)
        if route in self.services:  # removed and added again before it was gone
            self._keep(record, ServiceRecord(route, resting_since=now), None, now)
        else:
            self.start_counters.forget(route)

    def _keep(
        self, before: ServiceRecord, after: ServiceRecord, event: Event | None, now: float
    ) -> None:
        route = after.route
        self.start_counters.note(before, after)
        self._set(after)
        self._changes.entries += self._event_entries.of_change(before, after, event)
        soft = _without_activity(before) == _without_activity(after)
        if not soft or now - self._saved_at.get(route, 0.0) >= SOFT_SAVE:
            self._saved_at[route] = now
            self._changes.durable.add(route)

    def _set(self, record: ServiceRecord) -> None:
        route = record.route
        self._all[route] = self._changes.records[route] = record
        if record.active:
            self._active[route] = record
        else:
            self._active.pop(route, None)


def policy_of(service: Service, hours: WarmHours | None = None) -> Policy:
    """`hours`: those of its schedule that it is now."""
    scheduled = hours is not None and hours.min_replicas > service.min_replicas
    least = hours.min_replicas if hours and scheduled else service.min_replicas
    return Policy(
        timeout=service.timeout,
        startup_timeout=service.startup_timeout,
        queue_timeout=service.queue_timeout,
        drain_timeout=service.request_timeout,
        min_replicas=min(least, service.max_replicas),
        max_replicas=service.max_replicas,
        own_ports=service.remote_port == "auto",
        min_because=f"its schedule, {hours.text}" if hours and scheduled else "min_replicas",
        # More than that a replica is not given: the others would wait for ever.
        target_inflight=min(
            service.target_inflight, service.max_inflight or service.target_inflight
        ),
        scale_down_delay=service.effective_scale_down_delay,
    )


def _respecified(record: ServiceRecord, spec: str) -> ServiceRecord:
    def readable(job: Job) -> Job:
        return job if has_readable_spec(job) else replace(job, spec=spec)

    replicas = (replace(one, job=readable(one.job)) for one in record.replicas)
    return replace(
        record.with_replicas(*replicas), abandoned=tuple(map(readable, record.abandoned))
    )


def _without_activity(record: ServiceRecord) -> ServiceRecord:
    """Without what changes all the time, and may be a few seconds old after a crash."""
    quiet = (
        replace(one.with_job(finding=None, found_at=None), startup_used=0.0, silence=None)
        for one in record.replicas
    )
    lasting = record.with_replicas(*quiet)
    return replace(lasting, last_demand=0.0, last_activity=0.0, busy=False)

"""Health checks of all services: what each found becomes an event in the inbox.

Two things are asked of the cluster on the way, both in a step inside the job: before a service
becomes ready, whether another user listens on its port; and, where nothing accepts connections
there, on what the job listens instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import structlog

from service_management.controller.health_check import Check, Period, StartupWatch, probe
from service_management.controller.inbox import ClosesUnannounced, Happened, Item
from service_management.controller.priority_threads import Priority
from service_management.controller.socket_looks import SocketLooks
from service_management.controller.socket_paths import sockets
from service_management.controller.target import Target
from service_management.lifecycle import events as ev
from service_management.lifecycle.findings import Finding, Saw
from service_management.slurm import outcomes

_LOG = structlog.get_logger(__name__)


@dataclass
class HealthProbes:
    run_dir: Path
    put: Callable[[Item], None]
    _watch: StartupWatch = field(default_factory=StartupWatch)
    _looks: SocketLooks = field(default_factory=SocketLooks)
    _suspected: set[str] = field(default_factory=set)  # jobs that lost a request

    def suspect(self, job_name: str) -> None:
        self._suspected.add(job_name)

    def forget_jobs_except(self, names: set[str]) -> None:
        self._watch.forget_jobs_except(names)
        self._looks.forget_jobs_except(names)
        self._suspected &= names

    def check(self, target: Target, port_holder: str = "") -> None:
        """Many services are ready, and nearly always well: their answers cause no pass each."""
        began, name = time.monotonic(), target.job.name
        token = target.job.token if target.spec.verify == "token" else ""
        suspected = name in self._suspected
        self._suspected.discard(name)
        if port_holder:  # another job would answer
            own = port_holder == target.route
            finding = Finding(Saw.PORT_HELD, target.health_path, holder=port_holder, by_replica=own)
            found = Check(ev.Health.UNHEALTHY, connected=True, finding=finding)
        else:
            quiet = sockets(self.run_dir, target.job).quiet
            found = probe(quiet, target.health_path, token, watch_closing=suspected)
        if found.closes_unannounced:
            self.put(ClosesUnannounced(target.route))
        when = Period(began, time.monotonic())
        watched = self._watch.seconds(name, found, when, target.worker.answered_at)
        found = self._completed(target, found)
        event = ev.Probed(name, found.health, watched, found.finding)
        self.put(Happened(target.route, event, waits=target.ready))

    def _completed(self, target: Target, found: Check) -> Check:
        """With what only the cluster can tell."""
        if found.finding and found.finding.saw is Saw.REFUSED and not target.ready:
            return replace(found, finding=self._with_sockets(target, found.finding))
        self._looks.forget((target.job.name, target.job.node))
        verified = target.ready or target.spec.verify != "listener"
        if found.health is ev.Health.HEALTHY and not verified:
            return _unless_a_stranger_listens(target, found)
        return found

    def _with_sockets(self, target: Target, finding: Finding) -> Finding:
        """What is known of them so far: a look takes its time, and less urgent work its turn."""
        worker, place = target.worker, (target.job.name, target.job.node)
        if self._looks.due(place, worker.login.id, time.monotonic()):
            worker.do("sockets", Priority.END, partial(self._look_at_sockets, target))
        return replace(finding, listening=self._looks.seen(place))

    def _look_at_sockets(self, target: Target) -> None:
        job = target.job
        found = target.worker.client.job_sockets(job.job_id, job.node, job.port)
        if not isinstance(found, outcomes.Unknown):
            self._looks.note((job.name, job.node), found)


def _unless_a_stranger_listens(target: Target, found: Check) -> Check:
    """The last look before requests are sent there."""
    job = target.job
    listeners = target.worker.client.listeners(job.job_id, job.node, job.port)
    place = {"route": target.route, "job": job.job_id, "node": job.node, "port": job.port}
    if isinstance(listeners, outcomes.Unknown):
        _LOG.info("could not check who listens on the port", why=listeners.message, **place)
        return found  # verify: "token" is for sites where this is not enough
    if not listeners.strangers:
        return found
    users = sorted(listeners.strangers)
    _LOG.warning("another user listens on the port", users=users, **place)
    finding = Finding(Saw.STRANGER, target.health_path)
    return replace(found, health=ev.Health.UNVERIFIED, finding=finding)

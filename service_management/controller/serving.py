"""Leads nginx to a catalogue: a catalogue counts only once it is served."""

from __future__ import annotations

import errno

from service_management.config import Catalogue, Problem, Service
from service_management.controller.config_watcher import ServeRefused
from service_management.gateway.errors import GatewayRefused
from service_management.gateway.nginx import Nginx
from service_management.gateway.render import render
from service_management.host import ports


class CatalogueServer:
    """Called by the catalogue's one thread."""

    def __init__(self, nginx: Nginx) -> None:
        self._nginx = nginx
        self._own: frozenset[tuple[str, int]] = frozenset()  # addresses that nginx has already

    def serve(self, catalogue: Catalogue) -> None:
        """Or ServeRefused, and nginx goes on as before."""
        services = catalogue.services.values()
        # Looked at first: nginx would retry an occupied address for seconds, at every attempt.
        refused = [problem for service in services if (problem := self._occupied(service))]
        if refused:
            raise ServeRefused(*refused)
        try:
            self._nginx.apply(render(catalogue, self._nginx.settings))
        except GatewayRefused as refusal:
            rule = f"nginx refused the configuration: {refusal}"
            raise ServeRefused(Problem("nginx", "", "", rule), costly=True) from refusal
        self._own = frozenset(filter(None, map(_address, services)))

    def _occupied(self, service: Service) -> Problem | None:
        address = _address(service)
        if address is None or address in self._own:
            return None
        error = ports.complaint(*address)
        if error is None or (error.errno == errno.EADDRINUSE and self._is_ours(address[1])):
            return None
        rule = f"must be free: {ports.sentence(*address, error)}"
        return Problem(service.name, "local_port", str(address[1]), rule)

    def _is_ours(self, port: int) -> bool:
        """An earlier control plane had nginx listen there."""
        master = self._nginx.master.pid()
        return master is not None and master in {found.pid for found in ports.holders(port)}


def _address(service: Service) -> tuple[str, int] | None:
    if service.local_host is None or service.local_port is None:
        return None
    return service.local_host, service.local_port

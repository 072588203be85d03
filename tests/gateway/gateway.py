"""A real nginx with its own run directory and port."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from service_management.config import Catalogue, Service
from service_management.gateway import routes
from service_management.gateway.gateway_settings import GatewaySettings
from service_management.gateway.nginx import Nginx
from service_management.gateway.render import render
from tests.gateway import client
from tests.gateway.control_plane import ControlPlane
from tests.gateway.upstream import Upstream
from tests.gateway.waiting import until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Gateway:
    def __init__(self, *, ipv6: bool = False, **settings: Any) -> None:
        self.run_dir = Path(tempfile.mkdtemp(prefix="io-"))
        self.port, self.local_port = free_port(), free_port()
        self.control = ControlPlane()
        self.settings = GatewaySettings(
            run_dir=self.run_dir,
            **{
                "listen": (f"127.0.0.1:{self.port}", *([f"[::1]:{self.port}"] if ipv6 else [])),
                "flask": f"127.0.0.1:{self.control.port}",
                **settings,
            },
        )
        self.nginx = Nginx(self.settings)
        self._upstreams: dict[str, Upstream] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def serve(self, *services: Service) -> None:
        self.nginx.ensure_config()
        self.nginx.apply(render(Catalogue.of(services), self.settings))

    def start(self, *services: Service) -> Gateway:
        self.serve(*services)
        self.launch()
        until(self.answers)
        return self

    def launch(self) -> int:
        self._process = subprocess.Popen(self.nginx.argv())
        return self._process.pid

    def answers(self) -> bool:
        try:
            return self.call("/healthz/nginx").status == 200
        except OSError:
            return False

    def call(self, target: str, *args: Any, **kwargs: Any) -> client.Answer:
        return client.call(self.port, target, *args, **{**kwargs, "trust": self.trust})

    def call_own(self, target: str) -> client.Answer:
        """At the service's own address."""
        return client.call(self.local_port, target)

    @property
    def trust(self) -> ssl.SSLContext | None:
        cert = self.settings.tls_cert
        return ssl.create_default_context(cafile=cert) if cert else None

    def warm(self, route: str) -> Upstream:
        """The route's service is there now."""
        if route not in self._upstreams:
            tunnel = Upstream(self.run_dir / "tunnels" / f"{route}.sock")
            quiet = Upstream(self.run_dir / "tunnels" / f"{route}.quiet.sock")
            self._upstreams |= {route: tunnel, f"{route} quiet": quiet}
            routes.publish(self.run_dir, route, 0, [tunnel.path], quiet.path)
        return self._upstreams[route]

    def replica(self, route: str, position: int) -> Upstream:
        """One of several replicas of a service; its quiet socket is the same."""
        tunnel = Upstream(self.run_dir / "tunnels" / f"{route}-{position}.sock")
        self._upstreams[f"{route} {position}"] = tunnel
        routes.publish(self.run_dir, route, position, [tunnel.path], tunnel.path)
        return tunnel

    def replicas(self, route: str, number: int) -> list[Upstream]:
        """All in use: nginx may have found their places empty within this second."""
        made = [self.replica(route, position) for position in range(number)]
        until(lambda: self.call(f"/{route}/x").status == 200 and all(each.seen for each in made))
        for each in made:
            each.seen.clear()
        return made

    def quiet(self, route: str) -> Upstream:
        return self._upstreams[f"{route} quiet"]

    def cool(self) -> None:
        """No service is there any more, and nothing is remembered of this test."""
        for route, slot in routes.published(self.run_dir):
            routes.unpublish(self.run_dir, route, slot)
        for upstream in self._upstreams.values():
            upstream.stop()
        self._upstreams.clear()
        self.control.reset()

    def stop(self) -> None:
        self.cool()
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)
        self.control.stop()
        shutil.rmtree(self.run_dir, ignore_errors=True)

"""From the catalogue to the text of nginx's configuration. Pure, apart from reading templates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, Template

from service_management.config import Catalogue, Service
from service_management.gateway.gateway_settings import GatewaySettings
from service_management.gateway.quote import UnquotableError, environment
from service_management.gateway.service_view import ServiceView, view


class GatewayRefused(Exception):
    """The catalogue cannot be served, and nginx keeps its old one. The text is for the operator."""


class RenderRefused(GatewayRefused):
    """A value that nginx's configuration cannot express."""


MAIN = "nginx.conf"
GENERATION = "generation.conf"
# All services in these two: a file or two for each would cost more to write than all the rest.
UPSTREAMS, SERVICES = "upstreams.conf", "services.conf"

_environment = lru_cache(maxsize=4)(environment)


def render(
    catalogue: Catalogue, settings: GatewaySettings, not_reused: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Relative file name → text; the same input gives the same text."""
    templates = _environment(settings.template_dir)
    services = catalogue.services.values()
    views = [_view(s, settings, reuse=s.route_name not in not_reused) for s in services]
    _refuse_shared_addresses(views, settings)
    files = dict(_snippets(settings.template_dir))
    files[MAIN] = templates.get_template("nginx.conf.j2").render(
        settings=settings,
        timeouts=sorted({service.timeouts for service in views}),
        several_timeouts=sorted({service.timeouts for service in views if service.several}),
    )
    files[UPSTREAMS] = _each(templates, "http.conf.j2", views)
    files[SERVICES] = _each(templates, "service.conf.j2", views)
    stamp = templates.get_template("generation.conf.j2").render(generation=_digest(files))
    return {**files, GENERATION: stamp}


def generation_of(files: Mapping[str, str]) -> str:
    """The name that the running nginx will report once it has taken these files up."""
    return _digest({name: text for name, text in files.items() if name != GENERATION})


def _view(service: Service, settings: GatewaySettings, *, reuse: bool) -> ServiceView:
    try:
        return view(service, settings.run_dir, reuse=reuse and service.keepalive)
    except UnquotableError as error:
        raise RenderRefused(f"service {service.route_name!r}: {error}") from error


def _each(templates: Environment, name: str, services: Iterable[ServiceView]) -> str:
    template = templates.get_template(name)
    return "\n".join(_one(template, service) for service in services)


@lru_cache(maxsize=4096)
def _one(template: Template, service: ServiceView) -> str:
    """Remembered: an edit changes few of many services."""
    try:
        return template.render(service=service, prefix=f"/{service.route}")
    except UnquotableError as error:
        raise RenderRefused(f"service {service.route!r}: {error}") from error


def _snippets(template_dir: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((template_dir / "snippets").glob("*.conf")):
        yield f"snippets/{path.name}", path.read_text()


def _refuse_shared_addresses(views: Iterable[ServiceView], settings: GatewaySettings) -> None:
    """nginx would quietly give a shared address to the first, or the gateway's to a service."""
    owners = {address.rpartition(":")[2]: "the gateway itself" for address in settings.listen}
    for service in views:
        if service.local_address is None:
            continue
        port = service.local_address.rpartition(":")[2]
        taken = owners.get(port) or owners.get(service.local_address)
        if taken:
            raise RenderRefused(
                f"service {service.route!r}: {service.local_address} belongs to {taken}"
            )
        owners[service.local_address] = f"service {service.route!r}"


def _digest(files: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{files[name]}\0".encode())
    return digest.hexdigest()[:16]

"""A shared nginx for tests that only send requests; a separate one for tests that change it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from service_management.config import Service
from tests.gateway.gateway import Gateway
from tests.gateway.services import service


def _services(local_port: int) -> list[Service]:
    # A route per method for the mirror's tests: its limit remembers a route for a second.
    mirrored = [service(f"mirror-{method}", "/x") for method in ("get", "post", "put", "delete")]
    return [
        service("exact", "/predict", "/v1/*", "/deep/er/path"),
        service("whole"),
        service("classifier", "/x"),
        service("classifier2", "/y"),
        service("short", request_timeout=0.3, max_body=1000),
        service("own", "/predict", "/files/*", local_host="127.0.0.1", local_port=local_port),
        service("odd", "/", "/a+b,c=d@e:f!/*", "/caf~1"),
        service("hung", "/x"),
        service("scraped", quiet_paths=("/stats/*", "/live")),
        service("asleep", "/predict", quiet_paths=("/*",)),
        service("Case"),
        service("case"),
        *mirrored,
    ]


@pytest.fixture(scope="session")
def _shared() -> Iterator[Gateway]:
    gateway = Gateway()
    try:
        yield gateway.start(*_services(gateway.local_port))
    finally:
        gateway.stop()


@pytest.fixture
def gateway(_shared: Gateway) -> Iterator[Gateway]:
    yield _shared
    _shared.cool()


@pytest.fixture
def make_gateway() -> Iterator[Callable[..., Gateway]]:
    with ExitStack() as stopping:

        def make(*services: Service, **settings: Any) -> Gateway:
            made = Gateway(**settings)
            stopping.callback(made.stop)
            return made.start(*services)

        yield make

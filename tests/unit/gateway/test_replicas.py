"""What nginx's configuration has for one replica, and for several. Pure."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service_management.config import MOST_CONNECTIONS, Catalogue
from service_management.gateway.gateway_settings import GatewaySettings
from service_management.gateway.render import render
from service_management.gateway.service_view import AFFINITY_BOUND, view
from tests.gateway.services import service

RUN_DIR = Path("/run/io")
SETTINGS = GatewaySettings(run_dir=RUN_DIR, listen=("127.0.0.1:80",))
ONE = """\
# The sockets of one service, and the address of its own where it has one.
upstream 7692c3ad3540_one {
    # max_fails counts for several servers only. A service that breaks off its answers must not
    # bar the way to itself.
    server unix:/run/io/routes/one.0.sock max_fails=0;
    # Per worker. A connection beyond the pool's size is opened again for every request, through
    # ssh's queue of 128.
    keepalive 256;
    # Short: an idle pooled connection must not look like a request in flight, and must be gone
    # before the service closes it just as the next request is sent.
    keepalive_timeout 500ms;
    keepalive_requests 100000;
    # And none is pooled for long: under constant traffic a drained service would keep it, for what
    # is pooled outlives its route.
    keepalive_time 3s;
}
"""


def files(**changes: Any) -> dict[str, str]:
    return render(Catalogue.of([service("one", **changes)]), SETTINGS)


def test_with_one_replica_nothing_is_new() -> None:
    assert files()["upstreams.conf"] == ONE


@pytest.mark.parametrize("change", [{"ssh_connections": 2}, {"affinity": "user"}])
def test_one_replica_is_not_balanced(change: dict[str, Any]) -> None:
    texts = files(**change)
    used = "".join(texts[name] for name in ("nginx.conf", "upstreams.conf", "services.conf"))
    words = r"zone one|least_conn|hash |max_conns|fail_timeout|@again|replicas\.conf|affinity"
    assert re.findall(words, used) == []


@given(some.integers(1, 200), some.integers(1, MOST_CONNECTIONS), some.integers(2, 5))
def test_a_bound_is_exact_over_all_names(target: int, names: int, replicas: int) -> None:
    spread = service(
        "one",
        affinity="session",
        target_inflight=target,
        ssh_connections=names,
        max_replicas=replicas,
    )
    servers = view(spread, RUN_DIR).upstreams[0].servers
    assert all(server.most for server in servers)  # 0 would be any number
    assert sum(server.most for server in servers) == replicas * math.ceil(target * AFFINITY_BOUND)


def test_only_position_0_is_never_taken_for_dead() -> None:
    upstream = files(max_replicas=3)["upstreams.conf"]
    assert re.findall(r"(\d)\.sock max_fails=(\d)", upstream) == [
        ("0", "0"),
        ("1", "1"),
        ("2", "1"),
    ]

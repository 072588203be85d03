"""Routes are published and unpublished without reloading nginx."""

from __future__ import annotations

from pathlib import Path

from service_management.config import MOST_CONNECTIONS
from service_management.gateway import routes
from tests.gateway.gateway import Gateway


def test_published_routes_are_listed_by_route_and_slot(tmp_path: Path) -> None:
    tunnel, quiet = Path("/t/a.sock"), Path("/t/a.quiet.sock")
    for route, slot in (("a", 0), ("a.0.quiet", 0), ("a.1", 12)):
        routes.publish(tmp_path, route, slot, [tunnel], quiet)
    assert routes.published(tmp_path) == {("a", 0), ("a.0.quiet", 0), ("a.1", 12)}
    routes.unpublish(tmp_path, "a", 0)
    routes.unpublish(tmp_path, "a", 0)
    assert routes.published(tmp_path) == {("a.0.quiet", 0), ("a.1", 12)}


def test_nothing_is_published_where_there_is_no_directory(tmp_path: Path) -> None:
    assert routes.published(tmp_path / "nowhere") == set()


def test_publishing_again_replaces_the_tunnel(tmp_path: Path) -> None:
    for name in ("old", "new"):
        routes.publish(tmp_path, "a", 0, [Path(f"/t/{name}")], Path(f"/t/{name}.quiet"))
    assert routes.route_socket(tmp_path, "a", 0).readlink() == Path("/t/new")
    assert routes.quiet_socket(tmp_path, "a", 0).readlink() == Path("/t/new.quiet")
    assert len(list((tmp_path / "routes").iterdir())) == MOST_CONNECTIONS + 1


def test_every_name_nginx_looks_up_leads_to_a_tunnel(tmp_path: Path) -> None:
    tunnels = [Path("/t/a"), Path("/t/b"), Path("/t/c")]
    routes.publish(tmp_path, "a", 0, tunnels, Path("/t/quiet"))
    names = routes.route_sockets(tmp_path, "a", 0)
    assert [name.readlink() for name in names] == [
        tunnels[number % 3] for number in range(MOST_CONNECTIONS)
    ]
    assert routes.published(tmp_path) == {("a", 0)}
    routes.unpublish(tmp_path, "a", 0)
    assert not list((tmp_path / "routes").iterdir())


def test_an_unpublished_route_is_cold_at_the_next_new_connection(gateway: Gateway) -> None:
    gateway.warm("whole")
    routes.unpublish(gateway.run_dir, "whole", 0)
    assert gateway.call("/whole/x").status == 503

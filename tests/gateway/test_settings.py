"""Settings that could not work are refused at once, with the reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from service_management.gateway import gateway_settings
from service_management.gateway.gateway_settings import GatewaySettings, default_listen
from service_management.gateway.routes import quiet_socket

LONGEST = Path("/" + "r" * 21)


def test_the_longest_run_dir_has_room_for_the_longest_socket() -> None:
    settings = GatewaySettings(run_dir=LONGEST)
    assert len(str(quiet_socket(settings.run_dir, "x" * 63, 99))) == 107


@pytest.mark.parametrize("run_dir", [f"{LONGEST}r", "/é" + "r" * 20])
def test_a_longer_run_dir_is_refused_with_its_length(run_dir: str) -> None:
    with pytest.raises(ValueError, match="has 23 bytes; at most 22"):
        GatewaySettings(run_dir=Path(run_dir))


def test_a_relative_run_dir_is_refused() -> None:
    with pytest.raises(ValueError, match="absolute"):
        GatewaySettings(run_dir=Path("run"))


@pytest.mark.parametrize("run_dir", ["/run/a b", "/run/$x", "/run/a;b"])
def test_a_run_dir_that_nginx_cannot_name_is_refused(run_dir: str) -> None:
    with pytest.raises(ValueError, match=r"nginx would interpret|dollar"):
        GatewaySettings(run_dir=Path(run_dir))


def test_a_gateway_without_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="address"):
        GatewaySettings(run_dir=LONGEST, listen=())


@pytest.mark.parametrize(
    ("listen", "probe"),
    [
        ("8090", ("127.0.0.1", 8090)),
        ("0.0.0.0:80", ("127.0.0.1", 80)),
        ("[::]:80", ("::1", 80)),
        ("10.0.0.7:80", ("10.0.0.7", 80)),
        ("*:80", ("127.0.0.1", 80)),
    ],
)
def test_nginx_is_asked_where_it_listens(listen: str, probe: tuple[str, int]) -> None:
    assert GatewaySettings(run_dir=LONGEST, listen=(listen,)).probe_address == probe


def test_by_default_it_listens_on_ipv4_at_least() -> None:
    assert default_listen(8090)[0] == "8090"
    assert default_listen(8090, "127.0.0.1") == ("127.0.0.1:8090",)
    assert default_listen(8090, "::1") == ("[::1]:8090",)


@pytest.mark.parametrize(("off", "listened"), [("0", "('8090', '[::]:8090')"), ("1", "('8090',)")])
def test_ipv6_is_listened_at_where_the_machine_has_it(off: str, listened: str) -> None:
    code = f"import {gateway_settings.__name__} as s; print(s.default_listen(8090), end='')"
    script = (
        f"echo {off} > /proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set lo up; "
        'exec "$0" -c "$1"'
    )
    argv = ["unshare", "--net", "sh", "-ec", script, sys.executable, code]
    assert subprocess.run(argv, check=True, capture_output=True, text=True).stdout == listened

"""In-flight requests as the kernel lists them: its own text, and its own list."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from service_management.gateway import inflight
from service_management.gateway.inflight import FASTEST, SHARE, InflightSampler, Sample, look, parse

BELOW = Path("/run/io/tunnels")
# As a kernel wrote it: the last column is missing, a path, or abstract ("@…").
TEXT = """\
Num       RefCount Protocol Flags    Type St Inode Path
ffff8881: 00000002 00000000 00010000 0001 01 23456 /run/io/tunnels/ab.sock
ffff8882: 00000003 00000000 00000000 0001 03 23457 /run/io/tunnels/ab.sock
ffff8883: 00000003 00000000 00000000 0001 03 23458
ffff8884: 00000002 00000000 00000000 0001 02     0 /run/io/tunnels/ab.sock
ffff8885: 00000002 00000000 00010000 0001 01 23460 /run/io/tunnels/ab.quiet.sock
ffff8886: 00000003 00000000 00000000 0001 03 23461 /run/io/tunnels/cd.sock
ffff8887: 00000003 00000000 00000000 0001 03 23462 /run/io/tunnels2/ab.sock
ffff8888: 00000003 00000000 00000000 0001 03 23463 @/tmp/.X11-unix/X0
ffff8889: 00000002 00000000 00000000 0002 01 23464 /run/systemd/notify
"""


def test_connections_are_in_flight_and_listeners_are_not() -> None:
    assert parse(TEXT, BELOW) == Sample(
        connected={"/run/io/tunnels/ab.sock": 2, "/run/io/tunnels/cd.sock": 1},
        listening=frozenset({"/run/io/tunnels/ab.sock", "/run/io/tunnels/ab.quiet.sock"}),
        known=True,
    )


def test_a_path_with_a_space_is_one_path() -> None:
    spaced = TEXT.replace("/run/io/tunnels", "/srv/my io/tunnels")
    assert parse(spaced, Path("/srv/my io/tunnels")).connected["/srv/my io/tunnels/ab.sock"] == 2


@pytest.mark.parametrize("text", ["", "\n", "Num RefCount\n", "a b c d e 03 f\n"])
def test_a_list_without_tunnels_is_an_empty_one(text: str) -> None:
    assert parse(text, BELOW) == Sample(known=True)


def test_the_real_kernel_counts_a_connection_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "ab.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(4)
        assert look(tmp_path) == Sample({}, frozenset({str(path)}), known=True)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            assert look(tmp_path).connected == {str(path): 1}  # not accepted yet
            accepted, _ = listener.accept()
            with accepted:
                assert look(tmp_path).connected == {str(path): 1}
    assert look(tmp_path) == Sample(known=True)


def test_a_list_that_cannot_be_read_is_unknown_and_not_empty(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(inflight, "KERNEL_LIST", tmp_path / "absent")
    watched = InflightSampler(lambda: look(BELOW))
    watched.refresh(1.0)
    assert watched.inflight(BELOW / "ab.sock") is None
    assert watched.listens(BELOW / "ab.sock")


def test_before_the_first_look_nothing_is_known() -> None:
    watched = InflightSampler(Sample)
    assert watched.inflight(BELOW / "ab.sock") is None
    assert watched.listens(BELOW / "ab.sock")


def test_an_unlisted_tunnel_is_down_with_nothing_in_flight() -> None:
    watched = InflightSampler(lambda: parse(TEXT, BELOW))
    watched.refresh(1.0)
    assert watched.inflight(BELOW / "ab.sock") == 2
    assert watched.inflight(BELOW / "xy.sock") == 0
    assert watched.listens(BELOW / "ab.sock")
    assert not watched.listens(BELOW / "cd.sock")


def test_the_kernels_list_is_read_only_as_often_as_needed() -> None:
    watched = InflightSampler(Sample)
    looks = [number for number in range(1000) if watched.refresh(10.0 + number / 1000)]
    assert len(looks) <= 1 / FASTEST + 1


def test_a_long_list_is_read_more_rarely() -> None:
    slow = SHARE * 2  # as long as half a second of FASTEST looks would cost

    def long_list() -> Sample:
        end = inflight.time.perf_counter() + slow
        while inflight.time.perf_counter() < end:
            pass
        return Sample(known=True)

    watched = InflightSampler(long_list)
    assert watched.refresh(10.0)
    assert not watched.refresh(10.0 + slow / SHARE - 0.01)
    assert watched.refresh(10.0 + 100)

"""startup_timeout runs only while health checks reach the node."""

from __future__ import annotations

from itertools import pairwise

import pytest

from service_management.controller.health_check import COVERS, Check, Period, StartupWatch
from service_management.lifecycle.events import Health

JOB = "io.digits.0.n1"
REFUSED, SILENT = Check(Health.UNHEALTHY, connected=True), Check(Health.SILENT, connected=True)
NO_TUNNEL = Check(Health.SILENT, connected=False)
LONG_AGO = 0.0


@pytest.fixture
def watch() -> StartupWatch:
    return StartupWatch()


def test_refusals_count_from_the_first_probe_to_the_last(watch: StartupWatch) -> None:
    probes = [Period(began, began + 0.1) for began in (100.0, 101.0, 102.0)]
    assert sum(watch.seconds(JOB, REFUSED, probe, LONG_AGO) for probe in probes) == pytest.approx(
        2.1
    )


def test_silence_counts_as_far_as_the_login_answered(watch: StartupWatch) -> None:
    """A service that loads before it answers, polled every 5 s: probe after probe runs out."""
    times = [100.0 + 5.0 * n for n in range(8)]
    probes = [Period(began, ended) for began, ended in pairwise(times)]
    counted = [watch.seconds(JOB, SILENT, probe, probe.ended - 1.0) for probe in probes]
    assert sum(counted) == pytest.approx(times[-1] - 1.0 - times[0])


def test_a_login_that_is_cut_off_uses_up_nothing(watch: StartupWatch) -> None:
    cut_at = 99.0
    for began in (100.0, 105.0, 110.0):
        assert watch.seconds(JOB, SILENT, Period(began, began + 5), cut_at) == 0.0
    healed = watch.seconds(JOB, REFUSED, Period(3600.0, 3600.1), cut_at)
    assert healed == pytest.approx(0.1)


def test_time_without_a_tunnel_does_not_count(watch: StartupWatch) -> None:
    watch.seconds(JOB, REFUSED, Period(100.0, 100.1), LONG_AGO)
    assert watch.seconds(JOB, NO_TUNNEL, Period(101.0, 101.1), 101.0) == 0.0
    assert watch.seconds(JOB, REFUSED, Period(105.0, 105.1), LONG_AGO) == pytest.approx(0.1)


def test_a_gap_between_probes_counts_little(watch: StartupWatch) -> None:
    watch.seconds(JOB, REFUSED, Period(100.0, 100.1), LONG_AGO)
    after_a_hang = watch.seconds(JOB, REFUSED, Period(900.0, 900.1), LONG_AGO)
    assert after_a_hang <= COVERS + 0.2

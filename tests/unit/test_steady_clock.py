"""The controller's clock is independent of the wall clock, also from process to process."""

from __future__ import annotations

from service_management.host.steady_clock import SteadyClock

HOUR = 3600.0


class Machine:
    """Both clocks of a machine, set by the test."""

    def __init__(self) -> None:
        self.uptime, self.epoch = 50.0, 1_000_000.0

    def pass_time(self, seconds: float) -> None:
        self.uptime += seconds
        self.epoch += seconds

    def start(self, stored: object = None, not_before: float = 0.0) -> SteadyClock:
        """What a control plane does when it starts."""
        return SteadyClock.resume(
            stored, not_before, kernel=lambda: self.uptime, wall=lambda: self.epoch
        )


def test_it_begins_with_the_wall_clock() -> None:
    clock = Machine().start()
    assert (clock.now(), clock.ahead()) == (1_000_000.0, 0.0)


def test_a_wall_clock_that_is_set_does_not_move_it() -> None:
    machine = Machine()
    clock = machine.start()
    for step in (HOUR, -2 * HOUR):
        machine.epoch += step
        assert clock.now() == 1_000_000.0
    assert clock.ahead() == -HOUR


def test_the_next_process_of_the_same_boot_goes_on_from_it() -> None:
    machine = Machine()
    stored = machine.start().to_store()
    machine.pass_time(10.0)
    machine.epoch -= HOUR
    assert machine.start(stored).now() == 1_000_010.0


def test_after_a_reboot_it_never_starts_before_the_records() -> None:
    machine = Machine()
    stored = {**machine.start().to_store(), "boot": "another"}
    machine.uptime, machine.epoch = 3.0, machine.epoch + 60.0
    assert machine.start(stored).now() == 1_000_060.0
    machine.epoch = 0.0  # the battery of the machine's clock is empty
    assert machine.start(stored, not_before=1_000_055.0).now() == 1_000_055.0


def test_what_was_stored_by_another_version_is_ignored() -> None:
    for stored in ("text", 7, {"boot": 1}, []):
        assert Machine().start(stored).now() == 1_000_000.0

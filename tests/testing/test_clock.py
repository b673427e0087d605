from __future__ import annotations

from coatcheck.testing.clock import ManualClock


def test_time_stands_still_until_it_is_moved():
    clock = ManualClock(1_000)
    assert [clock.now(), clock.now()] == [1_000, 1_000]
    clock.advance(seconds=1.5)
    assert clock.now() == 2_500
    clock.advance(milliseconds=1)
    assert clock.now() == 2_501
    clock.advance(seconds=-2)
    assert clock.now() == 501

from __future__ import annotations

import pytest

from coatcheck.blobs.backoff import Backoff
from coatcheck.blobs.base import BlobMissing, StoreRefuses
from coatcheck.domain.errors import StorageFull, Unavailable


class Clock:
    """Time that passes only by waiting, and what was waited for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Failing:
    """Raises each error once, in turn, and takes a while for it; then it succeeds."""

    def __init__(self, *errors: Exception, clock: Clock | None = None, takes: float = 0) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.clock = clock
        self.takes = takes

    async def __call__(self) -> str:
        self.calls += 1
        if self.clock:
            self.clock.now += self.takes
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def backoff(clock: Clock, **options: float) -> Backoff:
    return Backoff(
        first=1,
        longest=5,
        clock=clock,
        sleep=clock.sleep,
        jitter=lambda: 1.0,
        **options,  # type: ignore[arg-type]
    )


async def test_what_succeeds_is_asked_once(clock: Clock):
    operation = Failing()
    assert await backoff(clock).run(operation) == "done"
    assert (operation.calls, clock.waits) == (1, [])


async def test_what_fails_is_asked_again_after_twice_the_time_each_time(clock: Clock):
    operation = Failing(*[Unavailable() for _ in range(5)])
    assert await backoff(clock, attempts=6).run(operation) == "done"
    assert clock.waits == [1, 2, 4, 5, 5]


async def test_after_the_last_attempt_its_error_comes_out(clock: Clock):
    errors = [Unavailable(str(number)) for number in range(4)]
    operation = Failing(*errors)
    with pytest.raises(Unavailable) as caught:
        await backoff(clock, attempts=4).run(operation)
    assert caught.value is errors[3]
    assert operation.calls == 4


async def test_no_attempt_begins_after_the_deadline(clock: Clock):
    operation = Failing(*[Unavailable() for _ in range(9)], clock=clock, takes=12)
    with pytest.raises(Unavailable):
        await backoff(clock, attempts=9, deadline=30).run(operation)
    assert operation.calls == 3


@pytest.mark.parametrize("error", [StoreRefuses(), StorageFull(), BlobMissing(), ValueError()])
async def test_what_will_not_get_better_is_not_asked_again(clock: Clock, error: Exception):
    operation = Failing(error)
    with pytest.raises(type(error)):
        await backoff(clock).run(operation)
    assert operation.calls == 1


async def test_the_waits_are_spread_below_their_bound():
    clock = Clock()
    jitters = iter([0.0, 0.5, 0.25])
    spread = Backoff(first=1, clock=clock, sleep=clock.sleep, jitter=lambda: next(jitters))
    await spread.run(Failing(*[Unavailable() for _ in range(3)]))
    assert clock.waits == [0.0, 1.0, 1.0]

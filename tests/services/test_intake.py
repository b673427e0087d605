"""Bodies on their way in: what they hold in memory together has a bound."""

from __future__ import annotations

from contextlib import suppress

import pytest

from coatcheck.services import intake
from coatcheck.services.intake import SHORT_BATCH, Held, Intake
from coatcheck.testing.bodies import Whole
from tests.deeds import content

DATA = content(10 * SHORT_BATCH)
PIECE = SHORT_BATCH // 4


def of(data: bytes, together: Held) -> Intake:
    return Intake(Whole(data, PIECE), algorithms={"sha256"}, max_size=len(data), together=together)


async def test_where_memory_is_short_bytes_are_to_be_written_as_they_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "AMPLE", 0)
    together, most = Held(), 0
    with of(DATA, together) as body:
        assert await body.taste(PIECE) is None
        pieces = []
        async for piece in body:
            pieces.append(piece)
            most = max(most, together.total)
    assert b"".join(pieces) == DATA
    assert pieces.count(b"") == len(DATA) // SHORT_BATCH
    assert most <= SHORT_BATCH + PIECE
    assert together.total == 0


async def test_where_there_is_enough_they_travel_together() -> None:
    together = Held()
    with of(DATA, together) as body:
        assert await body.taste(PIECE) is None
        assert b"" not in [piece async for piece in body]
        assert together.total == len(DATA)
    assert together.total == 0


async def test_one_that_fails_holds_nothing_any_more() -> None:
    together = Held()
    body = of(DATA, together)
    await body.taste(PIECE)
    assert together.total > 0
    with suppress(OSError), body:
        raise OSError
    assert together.total == 0

"""The search itself: it takes what could have been, and refuses what could not."""

from __future__ import annotations

import pytest

from tests.race.linearizable import DETACHED, GONE, UNKNOWN, Deed, claimed, is_linearizable

TRUE = {
    "one after the other": [
        Deed("claim", 0, 1, container="a"),
        Deed("claim", 2, 3, told="claimed", container="b"),
        Deed("read", 4, 5, told=claimed("a")),
    ],
    "at once, and the later won": [
        Deed("claim", 0, 9, told="claimed", container="a"),
        Deed("claim", 1, 8, container="b"),
    ],
    "a delete between two reads": [
        Deed("read", 0, 1, told=DETACHED),
        Deed("delete", 0, 5),
        Deed("read", 2, 3, told=GONE),
    ],
    "an answer that nobody saw, of what happened": [
        Deed("claim", 0, told=UNKNOWN, container="a"),
        Deed("read", 5, 6, told="claimed"),
    ],
    "an answer that nobody saw, of what never happened": [
        Deed("claim", 0, told=UNKNOWN, container="a"),
        Deed("delete", 5, 6),
        Deed("read", 7, 8, told=GONE),
    ],
    "seen only once its answer was lost": [
        Deed("delete", 0, told=UNKNOWN),
        Deed("read", 1, 2, told=DETACHED),
        Deed("read", 3, 4, told=GONE),
    ],
}

FALSE = {
    "two winners": [
        Deed("claim", 0, 9, container="a"),
        Deed("claim", 1, 8, container="b"),
    ],
    "claimed and deleted": [Deed("claim", 0, 9, container="a"), Deed("delete", 1, 8)],
    "refused before anybody had it": [
        Deed("claim", 0, 1, told="claimed", container="a"),
        Deed("claim", 2, 3, container="b"),
    ],
    "detached again after it was seen claimed": [
        Deed("claim", 0, 9, container="a"),
        Deed("read", 1, 2, told="claimed"),
        Deed("read", 3, 4, told=DETACHED),
    ],
    "back from the dead": [
        Deed("delete", 0, 9),
        Deed("read", 1, 2, told=GONE),
        Deed("read", 3, 4, told=DETACHED),
    ],
    "gone, and nobody deleted it": [Deed("read", 0, 1, told=GONE)],
    "held by one that was never told so": [
        Deed("claim", 0, 1, container="a"),
        Deed("claim", 0, told=UNKNOWN, container="b"),
        Deed("read", 2, 3, told=claimed("b")),
    ],
    "deleted before its answer was lost": [
        Deed("read", 0, 1, told=GONE),
        Deed("delete", 2, told=UNKNOWN),
    ],
}


@pytest.mark.parametrize("name", TRUE)
def test_what_could_have_been_is_taken(name: str):
    assert is_linearizable(TRUE[name], DETACHED)


@pytest.mark.parametrize("name", FALSE)
def test_what_could_not_is_refused(name: str):
    assert not is_linearizable(FALSE[name], DETACHED)


def test_nothing_is_read_before_it_was_left():
    left = Deed("deposit", 2, 5)
    assert is_linearizable([Deed("read", 0, 3, told=GONE), left, Deed("read", 4, 6, told=DETACHED)])
    assert not is_linearizable([Deed("read", 0, 1, told=DETACHED), left])

"""The whole life of an attachment, in one table.

                      complete            claim
        receiving ────────────▶ detached ───────▶ claimed
            │                    │  ▲                │
            │ expire      expire │  └──── release ───┘
            └─────────┬──────────┘
                      ▼                     delete: from receiving, detached, claimed
                   expired      deleted ◀──
                      │ purge      │ purge
                      └─────┬──────┘
                            ▼   purged
                        purging ───────▶ purged   (a tombstone, kept a day)

Rule 1: whatever decides or changes an attachment's state is in this file.
Rule 2: this file knows nothing of time, bytes, SQL or HTTP.
"""

from __future__ import annotations

from enum import StrEnum

from coatcheck.domain.errors import InvalidTransition


class State(StrEnum):
    RECEIVING = "receiving"
    DETACHED = "detached"
    CLAIMED = "claimed"
    EXPIRED = "expired"
    DELETED = "deleted"
    PURGING = "purging"
    PURGED = "purged"


class Event(StrEnum):
    COMPLETE = "complete"
    CLAIM = "claim"
    RELEASE = "release"
    EXPIRE = "expire"
    DELETE = "delete"
    PURGE = "purge"
    PURGED = "purged"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.RECEIVING, Event.COMPLETE): State.DETACHED,
    (State.RECEIVING, Event.EXPIRE): State.EXPIRED,
    (State.RECEIVING, Event.DELETE): State.DELETED,
    (State.DETACHED, Event.CLAIM): State.CLAIMED,
    (State.DETACHED, Event.EXPIRE): State.EXPIRED,
    (State.DETACHED, Event.DELETE): State.DELETED,
    (State.CLAIMED, Event.CLAIM): State.CLAIMED,  # several containers, where the dialect allows it
    (State.CLAIMED, Event.RELEASE): State.DETACHED,
    (State.CLAIMED, Event.DELETE): State.DELETED,
    (State.EXPIRED, Event.PURGE): State.PURGING,
    (State.DELETED, Event.PURGE): State.PURGING,
    (State.PURGING, Event.PURGE): State.PURGING,  # a crash in the middle is taken up again
    (State.PURGING, Event.PURGED): State.PURGED,
}

#: Bytes are whole and may be read.
VISIBLE: frozenset[State] = frozenset({State.DETACHED, State.CLAIMED})


def after(state: State, event: Event) -> State:
    """The state that follows. Raises InvalidTransition where the table has no row."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise InvalidTransition(f"{event} is not possible when {state}") from None


def sources(event: Event) -> tuple[State, ...]:
    """The states an event is possible in: the WHERE clause of its UPDATE."""
    return tuple(state for (state, possible) in TRANSITIONS if possible is event)


def target(event: Event) -> State:
    """The one state an event leads to: the SET clause of its UPDATE."""
    (state,) = {to for (_, possible), to in TRANSITIONS.items() if possible is event}
    return state

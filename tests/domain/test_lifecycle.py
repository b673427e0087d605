from __future__ import annotations

import itertools

import pytest
from sqlalchemy import CheckConstraint

from coatcheck.domain import lifecycle
from coatcheck.domain.errors import InvalidTransition
from coatcheck.domain.lifecycle import TRANSITIONS, VISIBLE, Event, State, after, sources, target
from coatcheck.repositories.tables import attachments

PAIRS = list(itertools.product(State, Event))


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_every_pair_of_state_and_event_is_in_the_table_or_an_error(state: State, event: Event):
    if (state, event) in TRANSITIONS:
        assert after(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(InvalidTransition):
            after(state, event)


@pytest.mark.parametrize("event", Event)
def test_an_event_leads_to_one_state_from_wherever_it_is_possible(event: Event):
    assert sources(event)
    assert all(after(state, event) is target(event) for state in sources(event))
    assert set(sources(event)) == {state for state in State if (state, event) in TRANSITIONS}


def test_every_state_can_be_reached_and_only_the_tombstone_is_an_end():
    reached = {State.RECEIVING}
    while more := {to for (of, _), to in TRANSITIONS.items() if of in reached} - reached:
        reached |= more
    assert reached == set(State)
    ends = [state for state in State if not any(of is state for of, _ in TRANSITIONS)]
    assert ends == [State.PURGED]


def test_what_is_claimed_never_expires_and_nothing_comes_back_to_sight():
    assert State.CLAIMED not in sources(Event.EXPIRE)
    hidden = set(State) - VISIBLE - {State.RECEIVING}
    assert not [to for (of, _), to in TRANSITIONS.items() if of in hidden and to not in hidden]


def test_bytes_go_only_after_they_were_hidden():
    assert not VISIBLE & {*sources(Event.PURGE), *sources(Event.PURGED)}
    assert State.RECEIVING not in sources(Event.PURGE)


def test_the_database_knows_exactly_these_states():
    (check,) = [
        str(constraint.sqltext)
        for constraint in attachments.constraints
        if isinstance(constraint, CheckConstraint) and "state" in str(constraint.sqltext)
    ]
    assert check == f"state IN ({', '.join(repr(state.value) for state in State)})"


def test_the_longest_state_fits_its_column():
    assert max(map(len, State)) <= attachments.c.state.type.length  # type: ignore[attr-defined]


def test_the_drawing_names_every_state_and_event():
    drawing = lifecycle.__doc__ or ""
    for word in (*State, *Event):
        assert word in drawing, word

from __future__ import annotations

import pytest

from coatcheck.domain.errors import NotFound
from coatcheck.domain.principal import Person, Principal
from tests.core import Core


async def test_people_know_each_other_within_a_tenant(
    place: Core, ann: Principal, bob: Principal, eve: Principal
) -> None:
    people = place.services.people
    shown = Person(id=bob.id, login="bob", display="bob")
    assert await people.find(ann, bob.id) == await people.find_by_login(ann, "bob") == shown
    assert set(await people.some(ann, [ann.id, bob.id, eve.id, 999])) == {ann.id, bob.id}
    assert await people.some(ann, []) == {}


async def test_who_is_shown_alone_is_shown_as_to_others(
    place: Core, ann: Principal, bob: Principal
) -> None:
    people = place.services.people
    assert await people.some(ann, [ann.id]) == await people.some(bob, [ann.id])


async def test_those_of_another_tenant_are_not_there(
    place: Core, ann: Principal, eve: Principal
) -> None:
    people = place.services.people
    for id in (eve.id, 999):
        with pytest.raises(NotFound):
            await people.find(ann, id)
    for login in ("eve", "nobody", ""):
        with pytest.raises(NotFound):
            await people.find_by_login(ann, login)

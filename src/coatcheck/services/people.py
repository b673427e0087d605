"""People: who is who within a tenant."""

from __future__ import annotations

from collections.abc import Iterable

from coatcheck.domain.errors import NotFound
from coatcheck.domain.principal import Person, Principal
from coatcheck.services.ports import Transactions


class People:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def some(self, caller: Principal, ids: Iterable[int]) -> dict[int, Person]:
        """Those of the caller's tenant, by id; unknown and foreign ones are not among them."""
        wanted = set(ids)
        if wanted <= {caller.id}:  # who is shown its own things needs no asking
            return {id: Person(id=id, login=caller.login, display=caller.display) for id in wanted}
        async with self._transactions.read() as facts:
            found = await facts.people.some(caller.tenant_id, wanted)
        return {each.id: each for each in found}

    async def find(self, caller: Principal, id: int) -> Person:
        """Raises NotFound."""
        found = await self.some(caller, [id])
        if id not in found:
            raise NotFound
        return found[id]

    async def find_by_login(self, caller: Principal, login: str) -> Person:
        """Raises NotFound."""
        async with self._transactions.read() as facts:
            found = await facts.people.by_login(caller.tenant_id, login)
        if found is None:
            raise NotFound
        return found

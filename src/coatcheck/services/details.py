"""Details: what an attachment is called, and how long it is kept. Its bytes never change."""

from __future__ import annotations

from typing import Any

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.errors import InvalidTransition, NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.services.commands import ChangeDetails
from coatcheck.services.ports import Clock, Transactions
from coatcheck.services.resolving import resolve
from coatcheck.services.shielding import to_the_end


class Details:
    def __init__(self, transactions: Transactions, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock

    async def change(self, command: ChangeDetails) -> Attachment:
        """The attachment afterwards. Only its owner may; another's looks as if there were none.

        Raises NotFound, and InvalidTransition for a new lifetime where it is not detached: what is claimed does not
        expire.
        """
        return await to_the_end(self._change(command))

    async def _change(self, command: ChangeDetails) -> Attachment:
        now = self._clock.now()
        async with self._transactions.write() as facts:
            found = await resolve(facts, command.caller, command.reference, now)
            if found is None or found.owner_id != command.caller.id:
                raise NotFound
            values: dict[str, Any] = {
                name: value
                for name, value in (("name", command.name), ("media_type", command.media_type))
                if value is not None
            }
            if command.lifetime is not None:
                values["expires_at"] = now + command.lifetime
            states = {State.DETACHED} if command.lifetime is not None else None
            if not await facts.attachments.amend(found.id, states, now=now, values=values):
                raise InvalidTransition("It is claimed, and so it does not expire.")
            changed = await facts.attachments.recorded(found.public_id)
        return changed or found

"""Keys: bearer secrets of principals. Shown once, kept as a hash, looked up by it."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict

from coatcheck.domain.errors import BadCredentials, NotFound
from coatcheck.domain.principal import KeyRecord, Principal
from coatcheck.services.events import KeyCreated, KeyRefused, KeyRevoked
from coatcheck.services.ports import Clock, Transactions, Witness

#: How long a key that was found is trusted without looking again, in ms: a revoked one works no longer than this.
_TRUSTED = 5_000
_REMEMBERED = 10_000

#: Longer ones are nobody's.
_MAX_LENGTH = 512


class Keys:
    def __init__(self, transactions: Transactions, clock: Clock, witness: Witness) -> None:
        self._transactions = transactions
        self._clock = clock
        self._witness = witness
        self._known: OrderedDict[str, tuple[int, Principal]] = OrderedDict()

    async def authenticate(self, token: str) -> Principal:
        """Whose key it is. Raises BadCredentials: unknown, revoked and expired look alike."""
        if not token or len(token) > _MAX_LENGTH:
            raise BadCredentials
        hashed = _hash(token)
        now = self._clock.now()
        if (known := self._known.get(hashed)) and known[0] > now:
            return known[1]
        async with self._transactions.read() as facts:
            principal = await facts.keys.principal_of(hashed, now)
        if principal is None:
            self._known.pop(hashed, None)
            raise BadCredentials
        self._known[hashed] = now + _TRUSTED, principal
        self._known.move_to_end(hashed)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return principal

    async def create(
        self,
        *,
        tenant: str,
        login: str,
        display: str | None = None,
        scopes: tuple[str, ...] = (),
        expires_at: int | None = None,
    ) -> str:
        """The new key, which is told this once. Tenant and principal are made when they are new."""
        token = f"cc_{secrets.token_urlsafe(32)}"
        async with self._transactions.write() as facts:
            key_id = await facts.keys.add(
                tenant=tenant,
                login=login,
                display=display,
                key_hash=_hash(token),
                hint=token[:7],
                scopes=list(scopes),
                now=self._clock.now(),
                expires_at=expires_at,
            )
        self._witness.tell(KeyCreated(key_id=key_id, tenant=tenant, login=login))
        return token

    async def all(self) -> list[KeyRecord]:
        async with self._transactions.read() as facts:
            return await facts.keys.all()

    async def revoke(self, key_id: int) -> None:
        """Raises NotFound when there is no live key with that id."""
        async with self._transactions.write() as facts:
            if not await facts.keys.revoke(key_id, self._clock.now()):
                raise NotFound
        self._witness.tell(KeyRevoked(key_id=key_id))
        self._known.clear()

    def refused(self, address: str) -> None:
        """Told by whoever knows where a wrong one came from."""
        self._witness.tell(KeyRefused(address=address))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

"""What tests do to an installation's use cases, in one line each."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

from coatcheck.blobs.base import new_blob_key
from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ByDigest, ById, Claim, Reference, Wanted
from coatcheck.domain.container import Container, ContainerRef
from coatcheck.domain.digest import SHA3_256, Digest
from coatcheck.domain.finding import Finding
from coatcheck.domain.folder import Filing
from coatcheck.domain.intent import Intent
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import (
    AmendContainer,
    CreateContainer,
    DeleteContainer,
    Deposit,
    Description,
    Placement,
    Receive,
    RequestId,
)
from coatcheck.services.ports import Body
from coatcheck.services.receiving import Progress
from coatcheck.testing.bodies import Whole
from tests.core import Place

MINUTE = 60 * 1000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

#: More than fits into a row under `BLOBS_ABOVE_1000`.
LARGE = 3000

#: Settings under which anything above 1000 bytes is kept in a blob.
BLOBS_ABOVE_1000: dict[str, Any] = {"inline_max": 1000}


async def principal(place: Place, tenant: str = "acme", login: str = "ann") -> Principal:
    return await place.services.keys.authenticate(await place.key(tenant, login))


def content(size: int, seed: int = 0) -> bytes:
    """Bytes that differ by seed and, within a run, by place."""
    return hashlib.shake_128(seed.to_bytes(8)).digest(size)


def a_deposit(caller: Principal, data: bytes | Body, **fields: Any) -> Deposit:
    """`filing`, `name` and `media_type` describe it; other fields are the command's own."""
    description = Description(
        name=fields.pop("name", "a.bin"),
        media_type=fields.pop("media_type", "application/octet-stream"),
        filing=fields.pop("filing", None),
    )

    async def describe(_head: bytes) -> Description:
        return description

    body = Whole(data, 997) if isinstance(data, bytes) else data
    defaults: dict[str, Any] = {
        "dialect": "test",
        "describe": describe,
        "max_size": 10**9,
        "lifetime": DAY,
    }
    return Deposit(caller=caller, body=body, **(defaults | fields))


async def deposit(place: Place, caller: Principal, data: bytes | Body, **fields: Any) -> Attachment:
    return await place.services.uploads.deposit(a_deposit(caller, data, **fields))


async def file_away(
    place: Place, caller: Principal, data: bytes | Body, token: str, **fields: Any
) -> Attachment:
    """Into the tenant's tree."""
    return await deposit(place, caller, data, filing=Filing.at(token), lifetime=None, **fields)


def a_part(
    caller: Principal,
    data: bytes | Body,
    *,
    key: str = "k",
    total: int,
    start: int | None = None,
    ordinal: int | None = None,
    **fields: Any,
) -> Receive:
    placement = Placement(
        key=key,
        total=total,
        start=start,
        ordinal=ordinal,
        name=fields.pop("name", None),
        media_type=fields.pop("media_type", None),
        filing=fields.pop("filing", None),
    )

    async def place(_head: bytes) -> Placement:
        return placement

    body = Whole(data, 997) if isinstance(data, bytes) else data
    by_start = start is not None
    defaults: dict[str, Any] = {
        "dialect": "ranges" if by_start else "chunks",
        "place": place,
        "max_part_size": 10**9,
        "max_size": 10**9,
        "window": DAY,
        "sliding": not by_start,
        "shared": not by_start,
        "replay_any": by_start,
        "lifetime": DAY,
        "digests": frozenset({SHA3_256}) if by_start else frozenset(),
    }
    return Receive(caller=caller, body=body, **(defaults | fields))


async def receive(place: Place, command: Receive) -> Progress:
    return await place.services.uploads.receive(command)


async def bytes_of(place: Place, caller: Principal, reference: Reference | Attachment) -> bytes:
    """As a download gives them."""
    wanted = ById(reference.id) if isinstance(reference, Attachment) else reference
    found = await place.services.downloads.open(caller, wanted)
    await found.check(0, found.attachment.size)
    return b"".join([data async for data in found.read(0, found.attachment.size)])


def a_post(
    caller: Principal, *wanted: Reference | Attachment, exclusive: bool = False, **fields: Any
) -> CreateContainer:
    """A new container that claims these; its body lists their ids."""

    def compose(_new: Container, claims: Sequence[Claim], _now: int) -> dict[str, Any]:
        return {"holds": [each.attachment.id for each in claims]}

    asked = tuple(
        Wanted(reference=ById(each.id) if isinstance(each, Attachment) else each) for each in wanted
    )
    defaults: dict[str, Any] = {
        "ref": ContainerRef("post", secrets.token_hex(8)),
        "compose": compose,
    }
    return CreateContainer(caller=caller, wanted=asked, exclusive=exclusive, **(defaults | fields))


async def post(
    place: Place,
    caller: Principal,
    *wanted: Reference | Attachment,
    exclusive: bool = False,
    **fields: Any,
) -> Container:
    return await place.services.containers.create(
        a_post(caller, *wanted, exclusive=exclusive, **fields)
    )


def by_sha3(data: bytes) -> ByDigest:
    return ByDigest(Digest(SHA3_256, hashlib.sha3_256(data).hexdigest()))


def request_id(id: str = "r", fingerprint: str = "f") -> RequestId:
    return RequestId(endpoint="posts", id=id, fingerprint=fingerprint)


async def settle(place: Place) -> None:
    """All that is under way is over its time, and swept."""
    place.clock.advance(place.settings.upload_lease + 61)
    await place.services.reaping.sweep()


def removal(caller: Principal, ref: ContainerRef, **fields: Any) -> DeleteContainer:
    """Of a container, leaving an empty tombstone."""
    return DeleteContainer(caller=caller, ref=ref, tombstone=lambda _old, _now: {}, **fields)


def amendment(
    caller: Principal, ref: ContainerRef, *wanted: Reference | Attachment, **fields: Any
) -> AmendContainer:
    """A new version that claims these besides; its body counts the versions."""
    asked = tuple(
        Wanted(reference=ById(each.id) if isinstance(each, Attachment) else each) for each in wanted
    )
    defaults: dict[str, Any] = {
        "exclusive": False,
        "compose": lambda old, _claims, _now: {"from": old.version},
    }
    return AmendContainer(caller=caller, ref=ref, wanted=asked, **(defaults | fields))


def an_intent(caller: Principal, lease_until: int, reserved: int = 1234) -> Intent:
    """Of a blob that is about to be written."""
    return Intent(
        blob_key=new_blob_key(),
        owner_id=caller.id,
        reserved=reserved,
        lease=secrets.token_hex(16),
        lease_until=lease_until,
    )


async def findings(place: Place, **options: Any) -> list[Finding]:
    """What a check of everything finds, with no pause between its two looks."""
    return [finding async for finding in place.services.checking.check(pause=0, **options)]


async def orphans(place: Place) -> list[str]:
    """Blobs that no row names."""
    return [str(each.id) for each in await findings(place) if each.kind == "orphan"]

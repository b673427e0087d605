"""Any form of an attachment's identity, resolved to what the caller may see under it."""

from __future__ import annotations

from collections.abc import Sequence

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ByDigest, ById, ByPublicId, ByToken, Reference
from coatcheck.domain.principal import Principal
from coatcheck.services.ports import Facts


async def resolve(
    facts: Facts, caller: Principal, reference: Reference, now: int
) -> Attachment | None:
    """Of several with one digest: the caller's own detached one first, then the newest."""
    match reference:
        case ById(id):
            return await facts.attachments.by_id(caller, id, now)
        case ByPublicId(public_id):
            return await facts.attachments.by_public_id(caller, public_id, now)
        case ByToken(token):
            return await facts.attachments.by_token(caller, token, now)
        case ByDigest(digest):
            return await facts.attachments.by_digest(caller, digest.algorithm, digest.hex, now)


def among(held: Sequence[Attachment], reference: Reference) -> Attachment | None:
    """Which of these is meant."""

    def is_meant(each: Attachment) -> bool:
        match reference:
            case ById(id):
                return each.id == id
            case ByPublicId(public_id):
                return each.public_id == public_id
            case ByToken(token):
                return each.token == token
            case ByDigest(digest):
                return each.digests.get(digest.algorithm) == digest.hex

    return next(filter(is_meant, held), None)

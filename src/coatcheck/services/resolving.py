"""Any form of an attachment's identity, resolved to what the caller may see under it."""

from __future__ import annotations

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

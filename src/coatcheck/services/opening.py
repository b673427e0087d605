"""Opening an upload: its row and its reservation, before any of its bytes."""

from __future__ import annotations

from coatcheck.domain.attachment import Attachment, Draft
from coatcheck.domain.errors import TooMany
from coatcheck.services.commands import Limits
from coatcheck.services.ports import Facts
from coatcheck.services.refusing import out_of_quota


async def open_upload(
    facts: Facts, limits: Limits, draft: Draft, *, briefly: bool = False
) -> Attachment:
    """The upload of that key, new or open already. One that is open `briefly` is complete in the same transaction.

    Raises TooMany, QuotaExceeded.
    """
    upload, is_new = await facts.receiving.open(draft)
    if not is_new:
        return upload
    if not await facts.quotas.reserve(draft.owner_id, draft.size, count=1):
        raise await out_of_quota(facts, draft.owner_id)
    # Not before: the reservation holds the owner's row, so that nobody opens another one while these are counted.
    if briefly:
        return upload
    if await facts.receiving.count_receiving(draft.owner_id) > limits.max_open_uploads:
        raise TooMany(
            f"There are too many open uploads: at most {limits.max_open_uploads}.",
            what="max_open_uploads",
            limit=limits.max_open_uploads,
        )
    return upload

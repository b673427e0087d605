"""What a quota that has no room says of itself."""

from __future__ import annotations

from coatcheck.domain.errors import QuotaExceeded
from coatcheck.services.ports import Facts


async def out_of_quota(facts: Facts, owner_id: int) -> QuotaExceeded:
    """Names the limit that is in the way: of attachments where these are all there, else of bytes."""
    usage = await facts.quotas.usage(owner_id)
    count, size = usage.limit_count, usage.limit_bytes
    if count is not None and usage.attachments >= count:
        return QuotaExceeded(
            f"The quota has no room for this: there may be {count} attachments.",
            what="quota_count",
            limit=count,
        )
    if size is None:  # it was raised meanwhile
        return QuotaExceeded()
    return QuotaExceeded(
        f"The quota has no room for this: {usage.used + usage.reserved} of {size} bytes are taken.",
        what="quota_bytes",
        limit=size,
    )

"""What a failure of the disk means."""

from __future__ import annotations

import errno

from coatcheck.domain.errors import StorageFull, Unavailable

#: Seconds after which asking again makes sense.
RETRY_AFTER = 5

_FULL = {errno.ENOSPC, errno.EDQUOT}


def in_our_words(failure: OSError) -> Unavailable:
    """Its cause, which names a path, is for the operator; clients are told the rest alone."""
    kind = StorageFull if failure.errno in _FULL else Unavailable
    ours = kind(retry_after=RETRY_AFTER)
    ours.__cause__ = failure
    return ours

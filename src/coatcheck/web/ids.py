"""Numbers as names of records: one spelling a number, and none that a 64-bit column could not hold."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Path

from coatcheck.domain.errors import NotFound

RECORD_ID = re.compile(r"[1-9][0-9]{0,17}")


async def record_id(
    id: Annotated[str, Path(json_schema_extra={"type": "integer", "minimum": 1})],
) -> int:
    """The path's {id}. Raises NotFound for what no record can be called."""
    if RECORD_ID.fullmatch(id) is None:
        raise NotFound
    return int(id)


RecordId = Annotated[int, Depends(record_id)]

"""Lists page by page. A cursor names a place beside an attachment, so that nothing is skipped meanwhile."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Sequence

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.errors import Invalid
from coatcheck.domain.pages import Mark, Page, Window
from coatcheck.domain.principal import Principal

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

_NUMBER = re.compile(r"[0-9]{1,9}", re.A)
_CURSOR = re.compile(r"[A-Za-z0-9_-]{32}")

# Time, id, and a checksum that tells a cursor which was changed or is somebody else's: 24 bytes.
_MARK = struct.Struct(">qq8s")


def window_of(caller: Principal, limit: str | None, cursor: str | None) -> Window:
    """Raises Invalid."""
    return Window(limit=_limit(limit), after=None if cursor is None else _mark(caller, cursor))


def next_of(caller: Principal, page: Page[Attachment]) -> str | None:
    return _written(caller, _last(page.items)) if page.older and page.items else None


def _last(items: Sequence[Attachment]) -> Mark:
    return Mark(items[-1].created_at, items[-1].id)


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not _NUMBER.fullmatch(text) or int(text) == 0:
        raise Invalid("limit is not a number above 0.", field="limit")
    return min(int(text), MAX_LIMIT)


def _mark(caller: Principal, text: str) -> Mark:
    if _CURSOR.fullmatch(text):
        created_at, id, _ = _MARK.unpack(base64.urlsafe_b64decode(text))
        mark = Mark(created_at, id)
        if _written(caller, mark) == text:
            return mark
    raise Invalid("cursor is not one that this list gave.", field="cursor")


def _written(caller: Principal, mark: Mark) -> str:
    text = f"native attachments {caller.id} {mark.created_at} {mark.id}"
    seal = hashlib.sha256(text.encode()).digest()[:8]
    return base64.urlsafe_b64encode(_MARK.pack(mark.created_at, mark.id, seal)).decode()

"""The JSON bodies of PATCH and POST: one object under one root key, such as {"site_file": {…}}."""

from __future__ import annotations

from typing import Any

from coatcheck.domain.errors import Malformed, TooLarge
from coatcheck.services.ports import Body
from coatcheck.web.ids import RECORD_ID
from coatcheck.web.streaming import read_json

_MAX_SIZE = 64 * 1024


async def read_envelope(body: Body, root: str) -> dict[str, Any]:
    """The object under the root key; fields in it that nobody asks for are ignored. Raises Malformed."""
    try:
        value = await read_json(body, _MAX_SIZE)
    except TooLarge:
        raise Malformed from None
    inner = value.get(root) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        raise Malformed
    if not isinstance(inner, dict) or not inner:
        message = f"param is missing or the value is empty: {root}"
        raise Malformed(message, messages=(message,))
    return inner


def text_of(value: object) -> str | None:
    """The text of a field; "" where it is null or absent, None where it is no text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else None


def id_of(value: object) -> int | None:
    """The id in a field, as a number or as its digits; None where it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    return int(text) if RECORD_ID.fullmatch(text) else None

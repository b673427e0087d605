"""Content-Type of a form: its boundary (RFC 7578 §4.1, RFC 2046 §5.1.1)."""

from __future__ import annotations

import re

from coatcheck.domain.errors import Malformed, Unsupported
from coatcheck.web.headers.parameters import parse_parameters

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")


def parse_boundary(content_type: str | None) -> str:
    """The boundary of a form. Raises Unsupported for another type, Malformed for a bad boundary."""
    value, parameters = parse_parameters(content_type or "")
    if value.lower() != "multipart/form-data":
        raise Unsupported("A form is expected.", field="Content-Type", given=value)
    # A charset is not listened to: `utf-7` and `punycode` are attacks, all others are UTF-8.
    boundaries = [text for name, text in parameters if name == "boundary"]
    if len(boundaries) != 1 or _BOUNDARY.fullmatch(boundaries[0]) is None:
        raise Malformed("The boundary of the form is missing or not valid.", field="Content-Type")
    return boundaries[0]

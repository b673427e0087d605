"""Wire grammar: text of a header field in, a value or a named error out. One family a module."""

from __future__ import annotations

from starlette.datastructures import Headers

from coatcheck.domain.errors import Malformed


def single(headers: Headers, name: str) -> str | None:
    """The value of a field that may occur once (RFC 9110 §5.3). Raises Malformed when it is repeated."""
    values = headers.getlist(name)
    if len(values) > 1:
        raise Malformed(f"{name} is given more than once.", field=name)
    return values[0] if values else None

"""Content-Encoding of a request (RFC 9110 §8.4): nothing is inflated here."""

from __future__ import annotations

from starlette.datastructures import Headers

from coatcheck.domain.errors import Unsupported


def refuse_encoded(headers: Headers) -> None:
    """Raises Unsupported where the body is compressed: its size would be the sender's word alone."""
    codings = ",".join(headers.getlist("content-encoding")).lower()
    if {coding.strip() for coding in codings.split(",")} - {"", "identity"}:
        raise Unsupported("A body with Content-Encoding is not taken.", field="Content-Encoding")

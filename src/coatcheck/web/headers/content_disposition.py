"""Content-Disposition, in its three grammars.

RFC 6266 for a request or response (where `filename*` of RFC 8187 wins over `filename`), and RFC 7578
§4.2 for a part of a form, where `filename*` must not be used: there the plain `filename` decides,
and two readers cannot be told two names. `filename*0=` continuations (RFC 2231) are no HTTP.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

from coatcheck.domain.errors import Malformed
from coatcheck.web.headers.parameters import TOKEN, parse_parameters, redecoded

# RFC 8187 §3.2.1 without its charset and language.
_EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[^']*'((?:[^%]|%[0-9a-f]{2})*)", re.I | re.S)

# WHATWG HTML §4.10.21.8: browsers escape these three in the names of a form, and nothing else.
_FORM_ESCAPES = re.compile(r"%(22|0d|0a)", re.I)

# A token that no reader takes for percent-encoding or for RFC 8187's quotes.
_PLAIN = re.compile(r"[!#$&+\-.^_`|~0-9A-Za-z]+")

_ATTR_CHARS = "!#$&+-.^_`|~"  # RFC 8187 attr-char besides letters and digits


@dataclass(frozen=True, slots=True)
class ContentDisposition:
    """`kind` is in lower case; `name` is the field of a form; an absent parameter is None."""

    kind: str
    name: str | None = None
    filename: str | None = None


def parse_content_disposition(text: str) -> ContentDisposition:
    """The header field of a request (RFC 6266). Raises Malformed, also for a repeated parameter."""
    kind, parameters = _parsed(text)
    extended = _decode_extended(parameters.get("filename*"))
    plain = parameters.get("filename")
    return ContentDisposition(
        kind, filename=extended if extended is not None else plain and redecoded(plain)
    )


def parse_part_disposition(text: str) -> ContentDisposition:
    """The header field of a form's part (RFC 7578). Raises Malformed, also for a repeated parameter."""
    kind, parameters = _parsed(text)
    return ContentDisposition(
        kind,
        name=_form_text(parameters.get("name")),
        filename=_form_text(parameters.get("filename")),
    )


def content_disposition(kind: Literal["inline", "attachment"], name: str | None) -> str:
    """The header field of an answer: ASCII only, one disposition, whatever the name holds."""
    if name is None:
        return kind
    name = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    if _PLAIN.fullmatch(name):
        return f"{kind}; filename={name}"
    fallback = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    return f"{kind}; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    kind, pairs = parse_parameters(text)
    parameters = dict(pairs)
    if TOKEN.fullmatch(kind) is None:
        raise Malformed("Content-Disposition has no type.", field="Content-Disposition")
    if len(parameters) < len(pairs):
        raise Malformed("Content-Disposition repeats a parameter.", field="Content-Disposition")
    return kind.lower(), parameters


def _decode_extended(value: str | None) -> str | None:
    match = _EXTENDED.fullmatch(value or "")
    if match is None:
        return None
    try:
        return unquote_to_bytes(match[2]).decode(match[1])
    except UnicodeDecodeError:
        return None


def _form_text(value: str | None) -> str | None:
    if value is None:
        return None
    return _FORM_ESCAPES.sub(lambda escape: chr(int(escape[1], 16)), redecoded(value))

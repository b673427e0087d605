"""`value; name=value; name="quoted value"` (RFC 9110 §5.6.6), as strictly as real senders allow."""

from __future__ import annotations

import re

from coatcheck.domain.errors import Malformed

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

_SPACE = " \t"
_NAME = re.compile(r"[ \t;]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"?', re.S)
_END = re.compile(r"[ \t;]*\Z")
_BARE = re.compile(r"[^;]*")
# Only what has to be escaped is unescaped: some senders put a bare `C:\new.txt` between quotes.
_ESCAPED = re.compile(r'\\(["\\])')


def parse_parameters(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The leading value and the parameters, names in lower case, both in the order given.

    Takes what curl users and old browsers send: bare values with spaces, a last quote forgotten.
    Raises Malformed for controls and for what has no `name=`.
    """
    if any((character < " " and character != "\t") or character == "\x7f" for character in text):
        raise Malformed("A header field holds a control character.")
    value, _, rest = text.partition(";")
    parameters: list[tuple[str, str]] = []
    at = 0
    while not _END.match(rest, at):
        name = _NAME.match(rest, at)
        if name is None:
            raise Malformed("A parameter of a header field has no name or value.")
        quoted = _QUOTED.match(rest, name.end())
        bare = _BARE.match(rest, quoted.end() if quoted else name.end())
        assert bare is not None  # noqa: S101 -- it matches the empty string
        content = _ESCAPED.sub(r"\1", quoted[1]) if quoted else bare[0].strip(_SPACE)
        parameters.append((name[1].lower(), content))
        at = bare.end() + 1
    return value.strip(_SPACE), parameters


def redecoded(text: str) -> str:
    """The text of a field that arrived as Latin-1, when its bytes were UTF-8: what browsers send."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text

"""Which posts a list is to have."""

from __future__ import annotations

import re

from coatcheck.domain.container import Sieve
from coatcheck.domain.errors import Invalid
from coatcheck.web.dialects.campr.documents import author_of

_SECONDS = re.compile(r"[0-9]{1,12}", re.A)
_MOST = 100


def sieve_of(query: list[tuple[str, str]]) -> Sieve:
    """Out of the query: `types` and `authors` with commas between them, `after` and `before` in seconds since 1970.

    Raises Invalid.
    """
    types = [each for name, text in query if name == "types" for each in text.split(",")]
    authors = [
        author_of(each) for name, text in query if name == "authors" for each in text.split(",")
    ]
    wanted = {"type": types, "author": authors}
    for texts in wanted.values():
        if len(texts) > _MOST or any(not text.isprintable() for text in texts):
            raise Invalid("A filter is not a list of at most 100 names.")
    since = [_seconds(text) + 1 for name, text in query if name == "after"]
    until = [_seconds(text) for name, text in query if name == "before"]
    return Sieve(
        fields={field: texts for field, texts in wanted.items() if texts},
        since=max(since) * 1000 if since else None,
        until=min(until) * 1000 if until else None,
    )


def _seconds(text: str) -> int:
    if _SECONDS.fullmatch(text) is None:
        raise Invalid("after and before are seconds since 1970.")
    return int(text)

"""Link (RFC 8288)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

# The characters of a URI (RFC 3986 §2); all others, the closing angle bracket first, are encoded.
_URI = "!#$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True)
class Link:
    """One link. Send one field a link: some clients split a joined one at the wrong comma."""

    url: str
    rel: str

    def __str__(self) -> str:
        return f'<{quote(self.url, safe=_URI)}>; rel="{quote(self.rel, safe=_URI)}"'

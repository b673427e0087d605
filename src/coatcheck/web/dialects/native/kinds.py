"""What containers are called here, and what they are called inside.

A host application calls its things as it likes: posts, issues, tickets. Some other APIs keep posts and issues of their
own on this server. So that nobody writes into those by accident, a host's container of such a kind is another
container (inside: `host.post`), and the kept one is shown under the name of its API (`campr.post`): to be looked at
here, and changed there.
"""

from __future__ import annotations

import re

from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import Forbidden, NotFound

#: Kinds of containers that are kept on this server, and the dialect that keeps them.
KEPT = {
    "site": "attachfast",
    "post": "campr",
    "issue": "tracker",
    "comment": "tracker",
    "work_package": "openproject",
    "message": "chat",
    "conversation": "chat",
}

_HOST = "host"
_SHOWN = {kind: f"{dialect}.{kind}" for kind, dialect in KEPT.items()}
_INSIDE = {shown: kind for kind, shown in _SHOWN.items()}

#: With the prefix of a host's own they fit their column.
KIND = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,26}")

MAX_ID = 255


def ref_of(kind: str, id: str) -> ContainerRef:
    """Raises NotFound for what no container can be called."""
    kept = _INSIDE.get(kind)
    if not _is_id(id) or (kept is None and not KIND.fullmatch(kind)):
        raise NotFound
    if kept is not None:
        return ContainerRef(kept, id)
    return ContainerRef(f"{_HOST}.{kind}" if kind in KEPT else kind, id)


def changeable(ref: ContainerRef) -> ContainerRef:
    """The same, unless another API keeps it. Raises Forbidden."""
    if ref.kind in KEPT:
        raise Forbidden(f"{shown(ref)[0]} is kept by another API, and changed there.")
    return ref


def shown(ref: ContainerRef) -> tuple[str, str]:
    """(kind, id) as clients know them."""
    return _SHOWN.get(ref.kind, ref.kind.removeprefix(f"{_HOST}.")), ref.external_id


def _is_id(text: str) -> bool:
    """Printable, without spaces and slashes, and not what clients take out of paths."""
    clean = text.isprintable() and not any(c.isspace() or c in "/\\?#" for c in text)
    return clean and 0 < len(text) <= MAX_ID and text not in (".", "..")

"""What an attachment can be contained in, and which of it is kept here.

Work packages are: they are made through this API, and number one is there for whoever looks for it. Wiki pages, forum
posts, activities, documents and meetings are kept elsewhere: any of them exists as soon as somebody names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coatcheck.domain.container import Container, ContainerRef
from coatcheck.services.filing import SITE


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`path` is its segment in URLs, `name` the kind of its containers, `title` what a person calls it."""

    path: str
    name: str
    title: str

    def ref(self, id: int) -> ContainerRef:
        return ContainerRef(self.name, str(id))


WORK_PACKAGE = Kind(path="work_packages", name="work_package", title="Work package")

ELSEWHERE = (
    Kind(path="wiki_pages", name="wiki_page", title="Wiki page"),
    # Another dialect has posts of its own.
    Kind(path="posts", name="forum_post", title="Post"),
    Kind(path="activities", name="activity", title="Activity"),
    Kind(path="documents", name="document", title="Document"),
    Kind(path="meetings", name="meeting", title="Meeting"),
)

_KINDS = {kind.name: kind for kind in (WORK_PACKAGE, *ELSEWHERE)}

#: Whoever may see these may change them, and so take attachments out of them.
OPEN = frozenset({*_KINDS, SITE.kind})


def shown_holder(holders: Sequence[Container]) -> tuple[Kind, Container] | None:
    """The one that an attachment is said to be contained in: of several, the first that this API can name."""
    return next(
        ((_KINDS[each.ref.kind], each) for each in holders if each.ref.kind in _KINDS), None
    )

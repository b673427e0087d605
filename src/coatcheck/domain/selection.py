"""Which of the attachments that a caller may see are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from coatcheck.domain.container import ContainerRef
from coatcheck.domain.lifecycle import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Those that meet all that is given; `owner` is a login, `token` a path in the tenant's tree.

    `within` is a container whose children hold them, or by whose id they are grouped.
    """

    state: State | None = None
    owner: str | None = None
    token: str | None = None
    container: ContainerRef | None = None
    within: ContainerRef | None = None

    @property
    def bounded(self) -> bool:
        """Whether it names something that holds or is a few, and not a large part of all."""
        return not (self.container is None and self.within is None and self.token is None)

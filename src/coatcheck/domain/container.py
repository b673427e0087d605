"""What an attachment is attached to: a post, an issue, a comment, a message, a site's tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ContainerRef:
    """Names a container within a tenant."""

    kind: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Series:
    """Names a new container by the next number of a series in its tenant: "TEST-{}" gives TEST-1, TEST-2."""

    kind: str
    name: str
    form: str = "{}"

    def ref(self, number: int) -> ContainerRef:
        return ContainerRef(self.kind, self.form.format(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """`body` is the newest version, a small JSON document; times are in ms since 1970.

    `alias` is a second name, unique in its kind, that a client chose; `parent_id` the container it belongs to.
    """

    id: int
    tenant_id: int
    owner_id: int
    ref: ContainerRef
    alias: str | None = None
    parent_id: int | None = None
    version: int
    body: dict[str, Any] = field(default_factory=dict)
    created_at: int
    updated_at: int
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sieve:
    """Which containers a list is to have: `fields` of their bodies with one of these texts each, children of `parent`,
    made at or after `since` and before `until` (ms).
    """

    parent: ContainerRef | None = None
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many containers, and the bytes of the attachments that they hold, each counted once."""

    count: int
    space: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerVersion:
    number: int
    body: dict[str, Any]
    created_at: int

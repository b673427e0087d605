"""What a dialect asks for. Frozen, keyword-only; differences between dialects are data in here, not code elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from coatcheck.domain.claim import Claim, Reference, Wanted
from coatcheck.domain.container import Container, ContainerRef, Series
from coatcheck.domain.digest import Digest
from coatcheck.domain.folder import Filing
from coatcheck.domain.principal import Principal
from coatcheck.services.ports import Body


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is told about a deposit; some of it may come after the bytes."""

    name: str | None
    media_type: str
    description: str | None = None
    grouping: str | None = None
    filing: Filing | None = None


@dataclass(frozen=True, kw_only=True)
class Deposit:
    """A whole attachment in one request.

    `describe` is called once, with the first bytes, when the last byte has arrived. `size` is the exact size where the
    request tells it, `max_size` the limit, `lifetime` how long it may stay detached in ms (None: for ever).
    `digests` are the algorithms to report besides SHA-256, `expected` what the sender says they are.
    With `supersede`, an older detached one with the same content makes way. `into` is a container that claims it from
    birth, if it exists then; one that is kept `elsewhere` is made known by this.
    """

    caller: Principal
    dialect: str
    body: Body
    describe: Callable[[bytes], Awaitable[Description]]
    size: int | None = None
    max_size: int
    lifetime: int | None
    digests: frozenset[str] = frozenset()
    expected: tuple[Digest, ...] = ()
    supersede: bool = False
    into: ContainerRef | None = None
    elsewhere: bool = False


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a part belongs: in the upload `key`, by its first byte or by its ordinal, towards `total` bytes."""

    key: str
    total: int
    start: int | None = None
    ordinal: int | None = None
    name: str | None = None
    media_type: str | None = None
    filing: Filing | None = None


@dataclass(frozen=True, kw_only=True)
class Receive:
    """One part of a chunked upload.

    `place` is called once, with the part's first bytes, when the last of them has arrived; `known` is the same where
    the request's head tells it, so that a part that cannot fit is refused before its bytes are taken.
    `shared`: the key belongs to the tenant, not to the caller. `begun`: the upload is there already. `completes`: the
    last part completes it; else a request of its own does. `replay_any`: after completion any part may be sent again,
    not only the last. `window` is how long the upload stays open in ms, counted from its last part when `sliding`, else
    from its first. `expected` are digests of the part, `expected_whole` of all that the parts make.
    """

    caller: Principal
    dialect: str
    body: Body
    place: Callable[[bytes], Awaitable[Placement]]
    known: Placement | None = None
    size: int | None = None
    max_part_size: int
    max_size: int
    window: int
    sliding: bool
    shared: bool
    begun: bool = False
    completes: bool = True
    replay_any: bool
    lifetime: int | None
    digests: frozenset[str] = frozenset()
    expected: tuple[Digest, ...] = ()
    expected_whole: tuple[Digest, ...] = ()
    supersede: bool = False


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What becomes of an upload that is whole: see Receive. `ordinal` is that of the part that made it so."""

    lifetime: int | None
    digests: frozenset[str] = frozenset()
    expected: tuple[Digest, ...] = ()
    supersede: bool = False
    ordinal: int | None = None


@dataclass(frozen=True, kw_only=True)
class Begin:
    """An upload of `size` bytes that will come in parts of `part_size`, each stored by the client itself where the
    store can be told to let it.

    `expected` is what the sender says that the whole will be. `window` is how long it stays open in ms.
    """

    caller: Principal
    dialect: str
    name: str | None
    media_type: str
    description: str | None = None
    size: int
    max_size: int
    part_size: int
    window: int
    expected: tuple[Digest, ...] = ()
    request: RequestId | None = None


@dataclass(frozen=True, kw_only=True)
class RequestId:
    """The client's own id of a request, and a fingerprint of what the request says."""

    endpoint: str
    id: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class ChangeDetails:
    """None leaves a detail as it is; `lifetime` in ms counts from now, and needs the attachment to be detached."""

    caller: Principal
    reference: Reference
    name: str | None = None
    media_type: str | None = None
    lifetime: int | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimAttachments:
    """For the container `ref`, which is made known by this. With a `lease` in ms the claim lapses unless repeated.

    `exactly`: what it held besides is released, or deleted where `delete_others`.
    """

    caller: Principal
    ref: ContainerRef
    wanted: tuple[Wanted, ...]
    exclusive: bool
    exactly: bool = False
    delete_others: bool = False
    lease: int | None = None
    request: RequestId | None = None


@dataclass(frozen=True, kw_only=True)
class ReleaseAttachments:
    """`references` None: all that it holds. `delete`: what nothing else holds goes, instead of being detached again."""

    caller: Principal
    ref: ContainerRef
    references: tuple[Reference, ...] | None = None
    delete: bool = False


@dataclass(frozen=True, kw_only=True)
class CreateContainer:
    """`compose` makes the body from the container so far, what it claimed, and the time.

    `exclusive` claims fail where another container holds one. `ref` may be a series, of which it is the next.
    `alias` is a second name; where that is taken, NameTaken. `parent` is a container that has to exist, or, with
    `with_parent`, is made with this one if there is none of that name.
    """

    caller: Principal
    ref: ContainerRef | Series
    wanted: tuple[Wanted, ...]
    compose: Callable[[Container, Sequence[Claim], int], dict[str, Any]]
    exclusive: bool
    alias: str | None = None
    parent: ContainerRef | None = None
    with_parent: bool = False
    request: RequestId | None = None


@dataclass(frozen=True, kw_only=True)
class AmendContainer:
    """`wanted` None leaves the attachments alone; else they are added, or, with `exactly`, are all that is held on, and
    the others are deleted, or detached again where `keep_bytes`. `version`, where given, is the one to be amended.
    `own`: only its owner may.
    """

    caller: Principal
    ref: ContainerRef
    wanted: tuple[Wanted, ...] | None
    compose: Callable[[Container, Sequence[Claim] | None, int], dict[str, Any]]
    exclusive: bool
    exactly: bool = False
    keep_bytes: bool = False
    version: int | None = None
    own: bool = True
    request: RequestId | None = None


@dataclass(frozen=True, kw_only=True)
class DeleteContainer:
    """`tombstone` makes the body that stays. What nothing else holds is deleted with it, or detached again where
    `keep_bytes`.
    """

    caller: Principal
    ref: ContainerRef
    tombstone: Callable[[Container, int], dict[str, Any]]
    keep_bytes: bool = False
    own: bool = True
    request: RequestId | None = None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Of one installation; bytes and ms. What was signed may begin within `url_life`, and take `url_slack` more.

    What nothing holds any more waits for `detached`; but what came through `lasting` dialects for ever.
    """

    inline_max: int = 64 * 1024
    lease: int = 15 * 60 * 1000
    max_open_uploads: int = 100
    max_parts: int = 10_000
    replay: int = 24 * 60 * 60 * 1000
    detached: int = 24 * 60 * 60 * 1000
    lasting: frozenset[str] = frozenset()
    longest: int = 7 * 24 * 60 * 60 * 1000
    tombstone: int = 24 * 60 * 60 * 1000
    url_life: int = 60 * 60 * 1000
    url_slack: int = 60 * 60 * 1000

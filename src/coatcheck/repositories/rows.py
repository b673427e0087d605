"""Rows as values and back, and the predicates that the queries on attachments share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, RowMapping, and_, bindparam, literal_column, or_, select

from coatcheck.domain.attachment import Attachment, Draft, Due, Part
from coatcheck.domain.claim import ByDigest, ById, ByPublicId, ByToken, Reference
from coatcheck.domain.folder import Filing
from coatcheck.domain.lifecycle import Event, State, sources
from coatcheck.domain.principal import Principal
from coatcheck.repositories.tables import attachments, claims

COLUMNS = [
    column
    for column in attachments.c
    if column.name not in ("reason", "charged", "reserved", "lease_until", "upload_key")
]
DIGESTS = ("sha256", "sha3_256", "md5")
DUE_COLUMNS = [
    attachments.c[name]
    for name in (
        "id",
        "public_id",
        "tenant_id",
        "owner_id",
        "dialect",
        "state",
        "reason",
        "size",
        "expires_at",
    )
]

# An index over a part of the table serves only a statement that says in so many words which part that is.
DETACHED: ColumnElement[bool] = attachments.c.state == literal_column(f"'{State.DETACHED}'")
CLAIMED: ColumnElement[bool] = attachments.c.state == literal_column(f"'{State.CLAIMED}'")
IN_SIGHT: ColumnElement[bool] = attachments.c.state.in_(
    [literal_column(f"'{State.DETACHED}'"), literal_column(f"'{State.CLAIMED}'")]
)


def of_few(column: ColumnElement[int]) -> ColumnElement[int]:
    """The column, for a condition on rows that another one finds: no index over it, which may have any number."""
    found: ColumnElement[int] = column + 0
    return found


def unexpired(now: int | ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(attachments.c.expires_at.is_(None), attachments.c.expires_at > now)


def readable(now: int | ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(
        attachments.c.state == State.CLAIMED.value,
        and_(attachments.c.state == State.DETACHED.value, unexpired(now)),
    )


def readable_by(caller: Principal, now: int) -> ColumnElement[bool]:
    """Detached: its owner alone. Claimed: the whole tenant."""
    return _readable_by(caller.tenant_id, caller.id, now)


def _readable_by(tenant_id: Any, caller_id: Any, now: Any) -> ColumnElement[bool]:
    return and_(
        attachments.c.tenant_id == tenant_id,
        or_(
            attachments.c.state == State.CLAIMED.value,
            and_(
                attachments.c.state == State.DETACHED.value,
                attachments.c.owner_id == caller_id,
                unexpired(now),
            ),
        ),
    )


#: The same for a statement that is made once and asked with `caller_tenant_id`, `caller_id` and `now`.
READABLE_BY_CALLER = _readable_by(
    bindparam("caller_tenant_id"), bindparam("caller_id"), bindparam("now")
)


def unheld() -> ColumnElement[bool]:
    return ~select(1).where(claims.c.attachment_id == attachments.c.id).exists()


_STATES = {state.value: state for state in State}

#: Whatever a sweep looks for: the condition of the index `ix_attachments_due`, which SQLite uses where a query says
#: it word for word.
SWEPT = attachments.c.state != literal_column("'claimed'")

#: In the order of that index, so that of a hundred thousand that are due the first few are found at once.
IN_TURN = (attachments.c.state, attachments.c.expires_at)


def expirable(now: int) -> ColumnElement[bool]:
    return and_(attachments.c.state.in_(sources(Event.EXPIRE)), attachments.c.expires_at < now)


def unpurged(now: int | ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(
        attachments.c.state.in_(sources(Event.PURGE)),
        or_(attachments.c.lease_until.is_(None), attachments.c.lease_until < now),
    )


def row_of(draft: Draft) -> dict[str, Any]:
    whole = draft.state is not State.RECEIVING
    return {
        "public_id": draft.public_id,
        "tenant_id": draft.tenant_id,
        "owner_id": draft.owner_id,
        "dialect": draft.dialect,
        "state": draft.state.value,
        "name": draft.name,
        "media_type": draft.media_type,
        "description": draft.description,
        "grouping": draft.grouping,
        "width": draft.dimensions[0] if draft.dimensions else None,
        "height": draft.dimensions[1] if draft.dimensions else None,
        "size": draft.size,
        "received": draft.size if whole else 0,
        "charged": whole,
        "reserved": draft.reserved,
        **{algorithm: draft.digests.get(algorithm) for algorithm in DIGESTS},
        "created_at": draft.now,
        "updated_at": draft.now,
        "expires_at": draft.expires_at,
        "upload_key": draft.upload_key,
        "token": draft.token,
        "folder_id": draft.folder_id,
        "capability": draft.capability,
        "filing": draft.filing.token if draft.filing else None,
        "part_size": draft.part_size,
    }


def part_row(attachment_id: int, part: Part) -> dict[str, Any]:
    return {
        "attachment_id": attachment_id,
        "start": part.start,
        "ordinal": part.ordinal,
        "size": part.size,
        "sha256": part.sha256,
        "blob_key": part.blob_key,
        "inline": part.inline,
    }


def recorded(id: int, draft: Draft) -> Attachment:
    whole = draft.state is not State.RECEIVING
    return Attachment(
        id=id,
        public_id=draft.public_id,
        tenant_id=draft.tenant_id,
        owner_id=draft.owner_id,
        dialect=draft.dialect,
        state=draft.state,
        name=draft.name,
        media_type=draft.media_type,
        size=draft.size,
        received=draft.size if whole else 0,
        digests=draft.digests,
        created_at=draft.now,
        updated_at=draft.now,
        expires_at=draft.expires_at,
        description=draft.description,
        grouping=draft.grouping,
        width=draft.dimensions[0] if draft.dimensions else None,
        height=draft.dimensions[1] if draft.dimensions else None,
        token=draft.token,
        folder_id=draft.folder_id,
        capability=draft.capability,
    )


def attachment_of(row: Row[Any] | RowMapping | Mapping[str, Any]) -> Attachment:
    fields = dict(row._mapping if isinstance(row, Row) else row)
    digests = {algorithm: fields.pop(algorithm) for algorithm in DIGESTS}
    fields["state"] = State(fields["state"])
    fields["filing"] = Filing.at(fields["filing"]) if fields["filing"] else None
    return Attachment(**fields, digests={name: value for name, value in digests.items() if value})


def due_of(row: Sequence[Any]) -> Due:
    """Of `DUE_COLUMNS`, by their places."""
    id, public_id, tenant_id, owner_id, dialect, name, reason, size, expires_at = row
    state = _STATES[name]
    why = reason or ("abandoned" if state is State.RECEIVING else "expired")
    return Due(id, public_id, tenant_id, owner_id, dialect, state, why, size, expires_at)


def first(found: list[Attachment]) -> Attachment | None:
    return found[0] if found else None


def called(reference: Reference) -> ColumnElement[bool]:
    match reference:
        case ById(id):
            return attachments.c.id == id
        case ByPublicId(public_id):
            return attachments.c.public_id == public_id
        case ByToken(token):
            return attachments.c.token == token
        case ByDigest(digest):
            return attachments.c[digest.algorithm] == digest.hex

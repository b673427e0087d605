"""The statements of a purge, of one or of many at once, made once: to make them takes longer than to carry them out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    and_,
    bindparam,
    case,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from coatcheck.domain.lifecycle import Event, sources, target
from coatcheck.repositories.rows import DUE_COLUMNS, IN_TURN, SWEPT, unpurged
from coatcheck.repositories.tables import attachments, claims, derivatives, parts

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_NOW: BindParameter[Any] = bindparam("now", type_=BigInteger)


def _purging(*which: ColumnElement[bool], waiting: bool) -> ReturningUpdate[Any]:
    wanted = and_(unpurged(_NOW), *which)
    chosen = (
        select(attachments.c.id)
        .where(SWEPT, wanted)
        .order_by(*IN_TURN)
        .limit(bindparam("limit", type_=BigInteger))
        .with_for_update(skip_locked=not waiting, key_share=True)
        .cte("chosen")
    )
    return (
        update(attachments)
        .where(attachments.c.id.in_(select(chosen.c.id)), wanted)
        .values(state=target(Event.PURGE).value, lease_until=bindparam("until", type_=BigInteger))
        .returning(*DUE_COLUMNS)
    )


PURGE_SOME = _purging(waiting=False)
PURGE_ONE = _purging(attachments.c.id == bindparam("only"), waiting=True)
_PURGING = and_(attachments.c.id.in_(_IDS), attachments.c.state.in_(sources(Event.PURGED)))
HELD = (
    select(
        attachments.c.id,
        attachments.c.owner_id,
        case((attachments.c.charged, attachments.c.size), else_=0).label("used"),
        attachments.c.reserved,
        attachments.c.upload_key.is_not(None).label("in_parts"),
    )
    .where(_PURGING)
    .order_by(attachments.c.id)
    .with_for_update(key_share=True)
)
STRIP = [
    delete(table).where(table.c.attachment_id.in_(_IDS)) for table in (parts, claims, derivatives)
]
# Most have none of these, and each is in an index, which would be written for nothing.
UNNAME = (
    update(attachments)
    .where(
        _PURGING,
        or_(
            attachments.c.token.is_not(None),
            attachments.c.folder_id.is_not(None),
            attachments.c.upload_key.is_not(None),
        ),
    )
    .values(token=None, folder_id=None, upload_key=None)
)
BURY = (
    update(attachments)
    .where(_PURGING)
    .values(
        state=target(Event.PURGED).value,
        charged=False,
        reserved=0,
        lease_until=None,
        updated_at=_NOW,
    )
)

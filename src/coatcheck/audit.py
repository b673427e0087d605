"""The audit log: one line for whatever was kept, taken, given up or removed, and for whoever tried to.

Who it was is told by the ids of rows, never by a key or a name of a file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from coatcheck.domain.principal import Principal
from coatcheck.logs import REQUEST_ID
from coatcheck.services import events

log = logging.getLogger("coatcheck.audit")

#: Ids in one line; the others are in the next ones.
IDS_IN_A_LINE = 200

Fields = dict[str, Any]


class Auditing:
    """A Witness. An upload attempt is told once, by how it ended."""

    def tell(self, event: events.Event) -> None:
        if words := _WORDS.get(type(event)):
            for action, fields in words(event):
                log.info(action, extra={"fields": {"request_id": REQUEST_ID.get(), **fields}})


Told = Iterator[tuple[str, Fields]]


def _attempt(told: events.AttemptEnded) -> Told:
    yield (
        f"upload {told.outcome}",
        {
            **_who(told.caller),
            "dialect": told.dialect,
            "kind": told.kind,
            "size": told.size,
            "attachment": told.attachment_id,
            "reason": told.reason,
        },
    )


def _claimed(told: events.Claimed) -> Told:
    for ids in _in_lines(told.attachment_ids):
        yield (
            "claimed",
            {**_who(told.caller), "container": told.container, "attachments": ids},
        )


def _claim_refused(told: events.ClaimRefused) -> Told:
    reasons = ",".join(sorted(set(told.reasons)))
    yield (
        "claim refused",
        {**_who(told.caller), "container": told.container, "reason": reasons},
    )


def _released(told: events.Released) -> Told:
    for ids in _in_lines(told.deleted) if told.deleted else [[]]:
        yield (
            "released",
            {**_who(told.caller), "container": told.container, "deleted": ids},
        )


def _deleted(told: events.Deleted) -> Told:
    yield "deleted", {**_who(told.caller), "attachment": told.attachment_id}


def _purged(told: events.Purged) -> Told:
    for ids in _in_lines(told.attachment_ids):
        yield "purged", {"attachments": ids}


def _swept(told: events.Swept) -> Told:
    for ids in _in_lines(told.expired):
        yield "expired", {"attachments": ids}
    for ids in _in_lines(told.lapsed):
        yield "claims lapsed", {"attachments": ids}


def _key_created(told: events.KeyCreated) -> Told:
    yield "key created", {"key": told.key_id, "tenant_name": told.tenant, "login": told.login}


def _key_revoked(told: events.KeyRevoked) -> Told:
    yield "key revoked", {"key": told.key_id}


def _key_refused(told: events.KeyRefused) -> Told:
    yield "key refused", {"address": told.address}


def _repaired(told: events.Repaired) -> Told:
    yield (
        "repaired",
        {"kind": told.kind, "subject": told.subject, "id": told.id, "done": told.repaired},
    )


def _clock_jumped(told: events.ClockJumped) -> Told:
    yield "clock jumped", {"seconds": round(told.seconds, 3)}


_WORDS: dict[type[Any], Callable[[Any], Told]] = {
    events.AttemptEnded: _attempt,
    events.Claimed: _claimed,
    events.ClaimRefused: _claim_refused,
    events.Released: _released,
    events.Deleted: _deleted,
    events.Purged: _purged,
    events.Swept: _swept,
    events.ClockJumped: _clock_jumped,
    events.KeyCreated: _key_created,
    events.KeyRevoked: _key_revoked,
    events.KeyRefused: _key_refused,
    events.Repaired: _repaired,
}


def _who(caller: Principal) -> Fields:
    return {"tenant": caller.tenant_id, "principal": caller.id, "key": caller.key_id}


def _in_lines(ids: Sequence[int]) -> Iterator[list[int]]:
    for at in range(0, len(ids), IDS_IN_A_LINE):
        yield list(ids[at : at + IDS_IN_A_LINE])

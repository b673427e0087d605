"""An attempt at an upload: however it ends, its end is told, once."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.errors import (
    CoatcheckError,
    Corrupt,
    Incomplete,
    StorageFull,
    TimedOut,
    Unavailable,
)
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.services.events import AttemptBegun, AttemptEnded, Kind, Outcome
from coatcheck.services.ports import Witness

#: Nobody said no: something did not hold out.
_BROKEN = (Incomplete, TimedOut, Corrupt, Unavailable)


class Attempt:
    """Around all that may fail of one."""

    __slots__ = ("_caller", "_dialect", "_id", "_kind", "_outcome", "_size", "_witness")

    def __init__(
        self, witness: Witness, dialect: str, kind: Kind, caller: Principal, size: int | None
    ) -> None:
        self._witness = witness
        self._dialect = dialect
        self._kind = kind
        self._caller = caller
        self._size = size
        self._id: int | None = None
        self._outcome: Outcome = "accepted"

    def made(self, attachment: Attachment) -> None:
        """What came of it: whole, or still receiving."""
        self._id = attachment.id
        if attachment.state is not State.RECEIVING:
            self._size = attachment.size
            self._outcome = "completed"

    def __enter__(self) -> Self:
        self._witness.tell(AttemptBegun(self._dialect, self._kind))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._witness.tell(
            AttemptEnded(
                dialect=self._dialect,
                kind=self._kind,
                outcome=self._outcome if error is None else _outcome_of(error),
                caller=self._caller,
                size=self._size,
                attachment_id=self._id if error is None else None,
                reason=None if error is None else reason_of(error),
                lease_lost=isinstance(error, Unavailable) and "lease" in error.facts,
            )
        )


def lease_lost(what: str) -> Unavailable:
    """A sweep took over what was on its way: it cannot be recorded any more."""
    return Unavailable(f"The {what} took longer than its lease.", retry_after=1, lease="lost")


def reason_of(error: BaseException) -> str:
    """A word that is the same for all errors of a kind."""
    return error.code if isinstance(error, CoatcheckError) else type(error).__name__


def _outcome_of(error: BaseException) -> Outcome:
    refused = isinstance(error, CoatcheckError) and (
        isinstance(error, StorageFull) or not isinstance(error, _BROKEN)
    )
    return "refused" if refused else "broken"

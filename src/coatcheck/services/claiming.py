"""Claiming, told: what a container took or let go, or why it got nothing, once that is certain."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from coatcheck.domain.container import ContainerRef, Series
from coatcheck.domain.errors import CoatcheckError
from coatcheck.domain.principal import Principal
from coatcheck.services.attempts import reason_of
from coatcheck.services.events import Claimed, ClaimRefused, Released
from coatcheck.services.ports import Witness


@contextmanager
def claiming(
    witness: Witness, caller: Principal, ref: ContainerRef | Series, wanted: Collection[object]
) -> Iterator[list[int]]:
    """The ids that the block puts into the list are told as claimed at its end; where it fails, the reasons."""
    taken: list[int] = []
    try:
        yield taken
    except CoatcheckError as error:
        if wanted:
            reasons = [reason for _, reason in error.facts.get("refusals", ())]
            witness.tell(
                ClaimRefused(
                    caller=caller, container=_name(ref), reasons=reasons or [reason_of(error)]
                )
            )
        raise
    if taken:
        witness.tell(Claimed(caller=caller, container=_name(ref), attachment_ids=taken))


def tell_released(
    witness: Witness, caller: Principal, ref: ContainerRef, deleted: Collection[int]
) -> None:
    witness.tell(Released(caller=caller, container=_name(ref), deleted=list(deleted)))


def _name(ref: ContainerRef | Series) -> str:
    return f"{ref.kind} {ref.external_id if isinstance(ref, ContainerRef) else ref.name}"

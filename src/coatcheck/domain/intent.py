"""The record of a blob that is about to be written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """`lease` is random: whoever no longer holds it may record nothing. `reserved` is in bytes of the owner's quota."""

    blob_key: str
    owner_id: int
    reserved: int
    lease: str
    lease_until: int

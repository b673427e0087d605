"""Who asks: a user or app within a tenant, known by a key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """`tenant` is the slug; `key_id` names the key that was presented."""

    id: int
    tenant_id: int
    tenant: str
    login: str
    display: str
    key_id: int
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A principal as the others of its tenant see it."""

    id: int
    login: str
    display: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What may be told about a key: never the key. `hint` is its first characters; times are ms since 1970."""

    id: int
    tenant: str
    login: str
    display: str
    hint: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None
    revoked_at: int | None

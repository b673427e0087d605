"""Which containers a list is to have, as conditions."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, select

from coatcheck.domain.container import Sieve
from coatcheck.repositories.tables import containers


def sifted(tenant_id: int, kind: str, sieve: Sieve) -> Iterator[ColumnElement[bool]]:
    """Live ones of the tenant that pass the sieve."""
    yield containers.c.kind == kind
    yield containers.c.deleted_at.is_(None)
    if sieve.parent is None:
        yield containers.c.tenant_id == tenant_id
    else:
        parent = containers.alias()
        yield containers.c.parent_id == (
            select(parent.c.id)
            .where(
                parent.c.tenant_id == tenant_id,
                parent.c.kind == sieve.parent.kind,
                parent.c.external_id == sieve.parent.external_id,
            )
            .scalar_subquery()
        )
    for field, texts in sieve.fields.items():
        yield containers.c.body[field].as_string().in_(texts)
    if sieve.since is not None:
        yield containers.c.created_at >= sieve.since
    if sieve.until is not None:
        yield containers.c.created_at < sieve.until

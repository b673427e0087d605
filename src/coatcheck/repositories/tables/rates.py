"""What of each rate is taken, by all processes together."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table

from coatcheck.repositories.tables.base import metadata

#: One row for whoever came lately, and kind of request; it serves one window after the other.
rates = Table(
    "rates",
    metadata,
    Column("who", String(64), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("taken", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
)

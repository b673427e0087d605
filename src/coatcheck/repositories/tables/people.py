"""Tenants, principals, their keys and quotas; and what is known of the installation itself."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from coatcheck.repositories.tables.base import ID, metadata

installation = Table(
    "installation",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

tenants = Table(
    "tenants",
    metadata,
    Column("id", ID, primary_key=True),
    Column("slug", String(255), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

principals = Table(
    "principals",
    metadata,
    Column("id", ID, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="RESTRICT"), nullable=False),
    Column("login", String(255), nullable=False),
    Column("display", String(255), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "login"),
    sqlite_autoincrement=True,
)

keys = Table(
    "keys",
    metadata,
    Column("id", ID, primary_key=True),
    Column("principal_id", ForeignKey("principals.id", ondelete="RESTRICT"), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("hint", String(16), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    sqlite_autoincrement=True,
)

#: One row an owner; a byte is charged, or reserved, exactly once.
quotas = Table(
    "quotas",
    metadata,
    Column("owner_id", ForeignKey("principals.id", ondelete="RESTRICT"), primary_key=True),
    Column("used", BigInteger, nullable=False, server_default="0"),
    Column("reserved", BigInteger, nullable=False, server_default="0"),
    Column("attachments", BigInteger, nullable=False, server_default="0"),
    Column("limit_bytes", BigInteger),
    CheckConstraint("used >= 0 AND reserved >= 0 AND attachments >= 0", name="never_negative"),
)

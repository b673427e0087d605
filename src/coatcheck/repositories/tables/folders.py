"""The tree of a tenant."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    func,
    text,
)

from coatcheck.repositories.tables.base import ID, metadata

folders = Table(
    "folders",
    metadata,
    Column("id", ID, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="RESTRICT"), nullable=False),
    Column("parent_id", ForeignKey("folders.id", ondelete="RESTRICT"), index=True),
    Column("name", String(255), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
# NULLs are distinct in a unique index, and two roots of one name must clash all the same.
Index(
    "uq_folders_sibling_name",
    folders.c.tenant_id,
    func.coalesce(folders.c.parent_id, text("0")),
    folders.c.name,
    unique=True,
)

#: The closure of `folders.parent_id`: a row for every folder and each of its ancestors, itself at depth 0.
folder_paths = Table(
    "folder_paths",
    metadata,
    Column("ancestor_id", ForeignKey("folders.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "descendant_id", ForeignKey("folders.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
    Column("depth", Integer, nullable=False),
)

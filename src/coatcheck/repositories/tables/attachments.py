"""Attachments, their parts, what is made of them, and blobs about to be written."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from coatcheck.domain.lifecycle import State
from coatcheck.repositories.tables.base import ID, metadata

_STATES = ", ".join(f"'{state}'" for state in State)

#: Written before the first byte of a blob and gone in the transaction that records it: no blob without a row.
intents = Table(
    "intents",
    metadata,
    Column("blob_key", String(32), primary_key=True),
    Column("owner_id", ForeignKey("principals.id", ondelete="RESTRICT"), nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("lease", String(32), nullable=False),
    Column("lease_until", BigInteger, nullable=False, index=True),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", ID, primary_key=True),
    Column("public_id", String(16), nullable=False, unique=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="RESTRICT"), nullable=False),
    Column("owner_id", ForeignKey("principals.id", ondelete="RESTRICT"), nullable=False),
    Column("dialect", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(16)),
    Column("name", String(255)),
    Column("media_type", String(255), nullable=False),
    Column("description", String(255)),
    Column("grouping", String(255)),
    Column("width", Integer),
    Column("height", Integer),
    Column("size", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("charged", Boolean, nullable=False),
    Column("reserved", BigInteger, nullable=False, server_default="0"),
    Column("sha256", String(64)),
    Column("sha3_256", String(64)),
    Column("md5", String(32)),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("lease_until", BigInteger),
    Column("upload_key", String(400)),
    Column("sealed_by", Integer),
    Column("filing", Text),
    Column("part_size", BigInteger),
    Column("token", Text),
    Column("folder_id", ForeignKey("folders.id", ondelete="RESTRICT")),
    Column("capability", String(32), unique=True),
    CheckConstraint(f"state IN ({_STATES})", name="state"),
    UniqueConstraint("tenant_id", "token"),
    sqlite_autoincrement=True,
)
Index(
    "uq_attachments_receiving",
    attachments.c.tenant_id,
    attachments.c.upload_key,
    unique=True,
    sqlite_where=text("state = 'receiving'"),
    postgresql_where=text("state = 'receiving'"),
)
Index(
    "ix_attachments_upload_key",
    attachments.c.tenant_id,
    attachments.c.upload_key,
    sqlite_where=text("upload_key IS NOT NULL"),
    postgresql_where=text("upload_key IS NOT NULL"),
)
Index(
    "ix_attachments_owned",
    attachments.c.owner_id,
    attachments.c.state,
    attachments.c.created_at,
    attachments.c.id,
)
Index(
    "ix_attachments_claimed",
    attachments.c.tenant_id,
    attachments.c.created_at,
    attachments.c.id,
    sqlite_where=text("state = 'claimed'"),
    postgresql_where=text("state = 'claimed'"),
)
Index(
    "ix_attachments_expiring",
    attachments.c.owner_id,
    attachments.c.expires_at,
    attachments.c.size,
    sqlite_where=text("state = 'detached'"),
    postgresql_where=text("state = 'detached'"),
)
Index(
    "ix_attachments_grouping",
    attachments.c.tenant_id,
    attachments.c.grouping,
    attachments.c.created_at,
    attachments.c.id,
    sqlite_where=text("grouping IS NOT NULL"),
    postgresql_where=text("grouping IS NOT NULL"),
)
# What attachments are named by; and those that have it not yet, which are sought for before one is.
for _digest in ("sha256", "sha3_256"):
    Index(
        f"ix_attachments_{_digest}",
        attachments.c.tenant_id,
        attachments.c[_digest],
        attachments.c.id,
        sqlite_where=text(f"{_digest} IS NOT NULL"),
        postgresql_where=text(f"{_digest} IS NOT NULL"),
    )
    Index(
        f"ix_attachments_without_{_digest}",
        attachments.c.owner_id,
        attachments.c.id,
        sqlite_where=text(f"{_digest} IS NULL AND state IN ('detached', 'claimed')"),
        postgresql_where=text(f"{_digest} IS NULL AND state IN ('detached', 'claimed')"),
    )
Index(
    "ix_attachments_folder",
    attachments.c.folder_id,
    attachments.c.created_at,
    attachments.c.id,
    sqlite_where=text("folder_id IS NOT NULL"),
    postgresql_where=text("folder_id IS NOT NULL"),
)
Index(
    "ix_attachments_filed",
    attachments.c.tenant_id,
    attachments.c.created_at,
    attachments.c.id,
    attachments.c.token,  # what is skipped is known without its row
    sqlite_where=text("token IS NOT NULL"),
    postgresql_where=text("token IS NOT NULL"),
)
Index(
    "ix_attachments_due",
    attachments.c.state,
    attachments.c.expires_at,
    sqlite_where=text("state <> 'claimed'"),
    postgresql_where=text("state <> 'claimed'"),
)

parts = Table(
    "parts",
    metadata,
    Column("id", ID, primary_key=True),
    Column(
        "attachment_id",
        ForeignKey("attachments.id", ondelete="RESTRICT"),
        nullable=False,
        index=True,
    ),
    Column("start", BigInteger),
    Column("ordinal", Integer),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64)),
    Column("blob_key", String(32), unique=True),
    Column("inline", LargeBinary),
    CheckConstraint("(blob_key IS NULL) <> (inline IS NULL)", name="one_place"),
    UniqueConstraint("attachment_id", "ordinal"),
    sqlite_autoincrement=True,
)

#: Blobs that somebody else may store, for one part of an upload each, until `open_until`. Each has an intent too, with
#: the upload's public id for its lease, until it is recorded.
slots = Table(
    "slots",
    metadata,
    Column("attachment_id", ForeignKey("attachments.id", ondelete="CASCADE"), primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("blob_key", String(32), nullable=False, unique=True),
    Column("open_until", BigInteger, nullable=False),
)

#: What was made of an attachment's bytes, such as a thumbnail: small, kept beside it, and gone with it.
derivatives = Table(
    "derivatives",
    metadata,
    Column("attachment_id", ForeignKey("attachments.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("media_type", String(255), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

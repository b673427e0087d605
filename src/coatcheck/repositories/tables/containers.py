"""Containers, what they hold, and the answers that retries are told."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)

from coatcheck.repositories.tables.base import ID, metadata

#: Numbers given out one after another within a tenant, such as those of a queue's issues.
counters = Table(
    "counters",
    metadata,
    Column("tenant_id", ForeignKey("tenants.id", ondelete="RESTRICT"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

containers = Table(
    "containers",
    metadata,
    Column("id", ID, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="RESTRICT"), nullable=False),
    Column("owner_id", ForeignKey("principals.id", ondelete="RESTRICT"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("external_id", String(255), nullable=False),
    Column("alias", String(255)),
    Column("parent_id", ForeignKey("containers.id", ondelete="RESTRICT")),
    Column("version", Integer, nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    UniqueConstraint("tenant_id", "kind", "external_id"),
    UniqueConstraint("tenant_id", "kind", "alias"),
    sqlite_autoincrement=True,
)
Index(
    "ix_containers_recent",
    containers.c.tenant_id,
    containers.c.kind,
    containers.c.created_at,
    containers.c.id,
    sqlite_where=text("deleted_at IS NULL"),
    postgresql_where=text("deleted_at IS NULL"),
)
Index(
    "ix_containers_children",
    containers.c.parent_id,
    containers.c.kind,
    containers.c.created_at,
    containers.c.id,
)

container_versions = Table(
    "container_versions",
    metadata,
    Column("container_id", ForeignKey("containers.id", ondelete="RESTRICT"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("body", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

claims = Table(
    "claims",
    metadata,
    Column("container_id", ForeignKey("containers.id", ondelete="RESTRICT"), primary_key=True),
    Column(
        "attachment_id",
        ForeignKey("attachments.id", ondelete="RESTRICT"),
        primary_key=True,
        index=True,
    ),
    Column("position", Integer, nullable=False),
    Column("name", String(255)),
    Column("media_type", String(255)),
    Column("category", String(255)),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, index=True),
)
# A tenant's tree is one container: the place after its last claim has to be found among any number of them.
Index("ix_claims_order", claims.c.container_id, claims.c.position)

#: The answer to a request that carried a client's own id, so that a retry is told the same.
replays = Table(
    "replays",
    metadata,
    Column("principal_id", ForeignKey("principals.id", ondelete="RESTRICT"), primary_key=True),
    Column("endpoint", String(64), primary_key=True),
    Column("request_id", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("answer", JSON, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

#: Uploads that failed with bytes in them, so that every worker can tell their empty repetition apart.
failed_uploads = Table(
    "failed_uploads",
    metadata,
    Column("who", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("failed_at", BigInteger, nullable=False, index=True),
)

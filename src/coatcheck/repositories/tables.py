"""Every table. Times are whole ms since 1970 (UTC); sizes are bytes; states come from the lifecycle table."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from coatcheck.domain.lifecycle import State

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives out row ids only for a column of exactly the type INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")
_STATES = ", ".join(f"'{state}'" for state in State)

installation = Table(
    "installation",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

tenants = Table(
    "tenants",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("slug", String(255), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

principals = Table(
    "principals",
    metadata,
    Column("id", _Id, primary_key=True),
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
    Column("id", _Id, primary_key=True),
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

folders = Table(
    "folders",
    metadata,
    Column("id", _Id, primary_key=True),
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

attachments = Table(
    "attachments",
    metadata,
    Column("id", _Id, primary_key=True),
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
    "ix_attachments_detached",
    attachments.c.owner_id,
    attachments.c.state,
    attachments.c.created_at,
    attachments.c.id,
)
Index(
    "ix_attachments_grouping",
    attachments.c.tenant_id,
    attachments.c.grouping,
    sqlite_where=text("grouping IS NOT NULL"),
    postgresql_where=text("grouping IS NOT NULL"),
)
Index("ix_attachments_digest", attachments.c.tenant_id, attachments.c.sha3_256)
Index("ix_attachments_folder", attachments.c.folder_id, attachments.c.created_at)
Index(
    "ix_attachments_filed",
    attachments.c.tenant_id,
    attachments.c.created_at,
    attachments.c.id,
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
    Column("id", _Id, primary_key=True),
    Column(
        "attachment_id",
        ForeignKey("attachments.id", ondelete="RESTRICT"),
        nullable=False,
        index=True,
    ),
    Column("start", BigInteger),
    Column("ordinal", Integer),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("blob_key", String(32), unique=True),
    Column("inline", LargeBinary),
    CheckConstraint("(blob_key IS NULL) <> (inline IS NULL)", name="one_place"),
    UniqueConstraint("attachment_id", "ordinal"),
    sqlite_autoincrement=True,
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
    Column("id", _Id, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="RESTRICT"), nullable=False),
    Column("owner_id", ForeignKey("principals.id", ondelete="RESTRICT"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("external_id", String(255), nullable=False),
    Column("alias", String(255)),
    Column("parent_id", ForeignKey("containers.id", ondelete="RESTRICT"), index=True),
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

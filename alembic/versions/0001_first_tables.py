"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# SQLite gives out row ids only for a column of exactly the type INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


_TALLYING = {
    "sqlite": [
        (
            "CREATE TRIGGER tally_detached_insert AFTER INSERT ON attachments WHEN NEW.state = 'detached' "
            "BEGIN INSERT INTO tallies VALUES ('detached', NEW.owner_id, 0, 1, NEW.size) ON CONFLICT (what, "
            "whose, shard) DO UPDATE SET attachments = tallies.attachments + excluded.attachments, bytes = "
            "tallies.bytes + excluded.bytes; END"
        ),
        (
            "CREATE TRIGGER tally_detached_leave AFTER UPDATE OF state, owner_id, size ON attachments WHEN "
            "OLD.state = 'detached' BEGIN INSERT INTO tallies VALUES ('detached', OLD.owner_id, 0, -1, "
            "-OLD.size) ON CONFLICT (what, whose, shard) DO UPDATE SET attachments = tallies.attachments + "
            "excluded.attachments, bytes = tallies.bytes + excluded.bytes; END"
        ),
        (
            "CREATE TRIGGER tally_detached_enter AFTER UPDATE OF state, owner_id, size ON attachments WHEN "
            "NEW.state = 'detached' BEGIN INSERT INTO tallies VALUES ('detached', NEW.owner_id, 0, 1, "
            "NEW.size) ON CONFLICT (what, whose, shard) DO UPDATE SET attachments = tallies.attachments + "
            "excluded.attachments, bytes = tallies.bytes + excluded.bytes; END"
        ),
        (
            "CREATE TRIGGER tally_detached_delete AFTER DELETE ON attachments WHEN OLD.state = 'detached' "
            "BEGIN INSERT INTO tallies VALUES ('detached', OLD.owner_id, 0, -1, -OLD.size) ON CONFLICT (what, "
            "whose, shard) DO UPDATE SET attachments = tallies.attachments + excluded.attachments, bytes = "
            "tallies.bytes + excluded.bytes; END"
        ),
        (
            "CREATE TRIGGER tally_filed_insert AFTER INSERT ON attachments WHEN NEW.token IS NOT NULL BEGIN "
            "INSERT INTO tallies VALUES ('filed', NEW.tenant_id, 0, 1, NEW.size) ON CONFLICT (what, whose, "
            "shard) DO UPDATE SET attachments = tallies.attachments + excluded.attachments, bytes = "
            "tallies.bytes + excluded.bytes; END"
        ),
        (
            "CREATE TRIGGER tally_filed_leave AFTER UPDATE OF token, tenant_id, size ON attachments WHEN "
            "OLD.token IS NOT NULL BEGIN INSERT INTO tallies VALUES ('filed', OLD.tenant_id, 0, -1, "
            "-OLD.size) ON CONFLICT (what, whose, shard) DO UPDATE SET attachments = tallies.attachments + "
            "excluded.attachments, bytes = tallies.bytes + excluded.bytes; END"
        ),
        (
            "CREATE TRIGGER tally_filed_enter AFTER UPDATE OF token, tenant_id, size ON attachments WHEN "
            "NEW.token IS NOT NULL BEGIN INSERT INTO tallies VALUES ('filed', NEW.tenant_id, 0, 1, NEW.size) "
            "ON CONFLICT (what, whose, shard) DO UPDATE SET attachments = tallies.attachments + "
            "excluded.attachments, bytes = tallies.bytes + excluded.bytes; END"
        ),
        (
            "CREATE TRIGGER tally_filed_delete AFTER DELETE ON attachments WHEN OLD.token IS NOT NULL BEGIN "
            "INSERT INTO tallies VALUES ('filed', OLD.tenant_id, 0, -1, -OLD.size) ON CONFLICT (what, whose, "
            "shard) DO UPDATE SET attachments = tallies.attachments + excluded.attachments, bytes = "
            "tallies.bytes + excluded.bytes; END"
        ),
    ],
    "postgresql": [
        (
            "CREATE FUNCTION tally_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO tallies "
            "SELECT rule.what, rule.whose, txid_current(), sum(sign), sum(sign * size) FROM (SELECT 1 AS "
            "sign, * FROM new_rows) AS changed, LATERAL (VALUES ('detached', owner_id, changed.state = "
            "'detached'), ('filed', tenant_id, changed.token IS NOT NULL)) AS rule (what, whose, counts) "
            "WHERE rule.counts GROUP BY rule.what, rule.whose HAVING sum(sign) <> 0 OR sum(sign * size) <> 0 "
            "ON CONFLICT (what, whose, shard) DO UPDATE SET attachments = tallies.attachments + "
            "excluded.attachments, bytes = tallies.bytes + excluded.bytes; RETURN NULL; END $$"
        ),
        (
            "CREATE TRIGGER tally_insert AFTER INSERT ON attachments REFERENCING NEW TABLE AS new_rows FOR "
            "EACH STATEMENT EXECUTE FUNCTION tally_insert()"
        ),
        (
            "CREATE FUNCTION tally_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO tallies "
            "SELECT rule.what, rule.whose, txid_current(), sum(sign), sum(sign * size) FROM (SELECT 1 AS "
            "sign, * FROM new_rows UNION ALL SELECT -1 AS sign, * FROM old_rows) AS changed, LATERAL (VALUES "
            "('detached', owner_id, changed.state = 'detached'), ('filed', tenant_id, changed.token IS NOT "
            "NULL)) AS rule (what, whose, counts) WHERE rule.counts GROUP BY rule.what, rule.whose HAVING "
            "sum(sign) <> 0 OR sum(sign * size) <> 0 ON CONFLICT (what, whose, shard) DO UPDATE SET "
            "attachments = tallies.attachments + excluded.attachments, bytes = tallies.bytes + "
            "excluded.bytes; RETURN NULL; END $$"
        ),
        (
            "CREATE TRIGGER tally_update AFTER UPDATE ON attachments REFERENCING NEW TABLE AS new_rows OLD "
            "TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_update()"
        ),
        (
            "CREATE FUNCTION tally_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO tallies "
            "SELECT rule.what, rule.whose, txid_current(), sum(sign), sum(sign * size) FROM (SELECT -1 AS "
            "sign, * FROM old_rows) AS changed, LATERAL (VALUES ('detached', owner_id, changed.state = "
            "'detached'), ('filed', tenant_id, changed.token IS NOT NULL)) AS rule (what, whose, counts) "
            "WHERE rule.counts GROUP BY rule.what, rule.whose HAVING sum(sign) <> 0 OR sum(sign * size) <> 0 "
            "ON CONFLICT (what, whose, shard) DO UPDATE SET attachments = tallies.attachments + "
            "excluded.attachments, bytes = tallies.bytes + excluded.bytes; RETURN NULL; END $$"
        ),
        (
            "CREATE TRIGGER tally_delete AFTER DELETE ON attachments REFERENCING OLD TABLE AS old_rows FOR "
            "EACH STATEMENT EXECUTE FUNCTION tally_delete()"
        ),
    ],
}


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation")),
    )

    op.create_table(
        "tenants",
        sa.Column("id", ID, nullable=False),
        sa.Column("slug", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
        sa.UniqueConstraint("slug", name=op.f("uq_tenants_slug")),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "counters",
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_counters_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "name", name=op.f("pk_counters")),
    )

    op.create_table(
        "folders",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("parent_id", ID),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["folders.id"], name=op.f("fk_folders_parent_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_folders_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_folders")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_folders_parent_id"), "folders", ["parent_id"])
    # NULLs are distinct in a unique index, and two roots of one name must clash all the same.
    op.create_index(
        "uq_folders_sibling_name",
        "folders",
        ["tenant_id", sa.text("coalesce(parent_id, 0)"), "name"],
        unique=True,
    )

    op.create_table(
        "principals",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("login", sa.String(length=255), nullable=False),
        sa.Column("display", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_principals_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_principals")),
        sa.UniqueConstraint("tenant_id", "login", name=op.f("uq_principals_tenant_id_login")),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "attachments",
        sa.Column("id", ID, nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("dialect", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=16)),
        sa.Column("name", sa.String(length=255)),
        sa.Column("media_type", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255)),
        sa.Column("grouping", sa.String(length=255)),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("charged", sa.Boolean(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sha256", sa.String(length=64)),
        sa.Column("sha3_256", sa.String(length=64)),
        sa.Column("md5", sa.String(length=32)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("upload_key", sa.String(length=400)),
        sa.Column("sealed_by", sa.Integer()),
        sa.Column("filing", sa.Text()),
        sa.Column("part_size", sa.BigInteger()),
        sa.Column("token", sa.Text()),
        sa.Column("folder_id", ID),
        sa.Column("capability", sa.String(length=32)),
        sa.CheckConstraint(
            "state IN ('receiving', 'detached', 'claimed', 'expired', 'deleted', 'purging', 'purged')",
            name=op.f("ck_attachments_state"),
        ),
        sa.ForeignKeyConstraint(
            ["folder_id"],
            ["folders.id"],
            name=op.f("fk_attachments_folder_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["principals.id"],
            name=op.f("fk_attachments_owner_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenants.id"],
            name=op.f("fk_attachments_tenant_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("capability", name=op.f("uq_attachments_capability")),
        sa.UniqueConstraint("public_id", name=op.f("uq_attachments_public_id")),
        sa.UniqueConstraint("tenant_id", "token", name=op.f("uq_attachments_tenant_id_token")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_attachments_due",
        "attachments",
        ["state", "expires_at"],
        sqlite_where=sa.text("state <> 'claimed'"),
        postgresql_where=sa.text("state <> 'claimed'"),
    )
    op.create_index(
        "ix_attachments_owned",
        "attachments",
        ["owner_id", "state", "created_at", "id"],
    )
    op.create_index(
        "ix_attachments_claimed",
        "attachments",
        ["tenant_id", "created_at", "id"],
        sqlite_where=sa.text("state = 'claimed'"),
        postgresql_where=sa.text("state = 'claimed'"),
    )
    op.create_index(
        "ix_attachments_expiring",
        "attachments",
        ["owner_id", "expires_at", "size"],
        sqlite_where=sa.text("state = 'detached'"),
        postgresql_where=sa.text("state = 'detached'"),
    )
    op.create_index(
        "ix_attachments_filed",
        "attachments",
        ["tenant_id", "created_at", "id", "token"],
        sqlite_where=sa.text("token IS NOT NULL"),
        postgresql_where=sa.text("token IS NOT NULL"),
    )
    op.create_index(
        "ix_attachments_folder",
        "attachments",
        ["folder_id", "created_at", "id"],
        sqlite_where=sa.text("folder_id IS NOT NULL"),
        postgresql_where=sa.text("folder_id IS NOT NULL"),
    )
    op.create_index(
        "ix_attachments_grouping",
        "attachments",
        ["tenant_id", "grouping", "created_at", "id"],
        sqlite_where=sa.text("grouping IS NOT NULL"),
        postgresql_where=sa.text("grouping IS NOT NULL"),
    )
    op.create_index(
        "ix_attachments_sha256",
        "attachments",
        ["tenant_id", "sha256", "id"],
        sqlite_where=sa.text("sha256 IS NOT NULL"),
        postgresql_where=sa.text("sha256 IS NOT NULL"),
    )
    op.create_index(
        "ix_attachments_sha3_256",
        "attachments",
        ["tenant_id", "sha3_256", "id"],
        sqlite_where=sa.text("sha3_256 IS NOT NULL"),
        postgresql_where=sa.text("sha3_256 IS NOT NULL"),
    )
    op.create_index(
        "ix_attachments_without_sha256",
        "attachments",
        ["owner_id", "id"],
        sqlite_where=sa.text("sha256 IS NULL AND state IN ('detached', 'claimed')"),
        postgresql_where=sa.text("sha256 IS NULL AND state IN ('detached', 'claimed')"),
    )
    op.create_index(
        "ix_attachments_without_sha3_256",
        "attachments",
        ["owner_id", "id"],
        sqlite_where=sa.text("sha3_256 IS NULL AND state IN ('detached', 'claimed')"),
        postgresql_where=sa.text("sha3_256 IS NULL AND state IN ('detached', 'claimed')"),
    )
    op.create_index(
        "ix_attachments_upload_key",
        "attachments",
        ["tenant_id", "upload_key"],
        sqlite_where=sa.text("upload_key IS NOT NULL"),
        postgresql_where=sa.text("upload_key IS NOT NULL"),
    )
    op.create_index(
        "uq_attachments_receiving",
        "attachments",
        ["tenant_id", "upload_key"],
        unique=True,
        sqlite_where=sa.text("state = 'receiving'"),
        postgresql_where=sa.text("state = 'receiving'"),
    )

    op.create_table(
        "containers",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=False),
        sa.Column("alias", sa.String(length=255)),
        sa.Column("parent_id", ID),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["principals.id"],
            name=op.f("fk_containers_owner_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["containers.id"],
            name=op.f("fk_containers_parent_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_containers_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_containers")),
        sa.UniqueConstraint(
            "tenant_id", "kind", "alias", name=op.f("uq_containers_tenant_id_kind_alias")
        ),
        sa.UniqueConstraint(
            "tenant_id",
            "kind",
            "external_id",
            name=op.f("uq_containers_tenant_id_kind_external_id"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_containers_recent",
        "containers",
        ["tenant_id", "kind", "created_at", "id"],
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_containers_children", "containers", ["parent_id", "kind", "created_at", "id"]
    )

    op.create_table(
        "folder_paths",
        sa.Column("ancestor_id", ID, nullable=False),
        sa.Column("descendant_id", ID, nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ancestor_id"],
            ["folders.id"],
            name=op.f("fk_folder_paths_ancestor_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["descendant_id"],
            ["folders.id"],
            name=op.f("fk_folder_paths_descendant_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("ancestor_id", "descendant_id", name=op.f("pk_folder_paths")),
    )
    op.create_index(op.f("ix_folder_paths_descendant_id"), "folder_paths", ["descendant_id"])

    op.create_table(
        "intents",
        sa.Column("blob_key", sa.String(length=32), nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("lease", sa.String(length=32), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["principals.id"], name=op.f("fk_intents_owner_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("blob_key", name=op.f("pk_intents")),
    )
    op.create_index(op.f("ix_intents_lease_until"), "intents", ["lease_until"])

    op.create_table(
        "keys",
        sa.Column("id", ID, nullable=False),
        sa.Column("principal_id", ID, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=16), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name=op.f("fk_keys_principal_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_keys_hash")),
        sqlite_autoincrement=True,
    )

    op.create_table(
        "quotas",
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("used", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attachments", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("limit_bytes", sa.BigInteger()),
        sa.CheckConstraint(
            "used >= 0 AND reserved >= 0 AND attachments >= 0",
            name=op.f("ck_quotas_never_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["principals.id"], name=op.f("fk_quotas_owner_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_quotas")),
    )

    op.create_table(
        "replays",
        sa.Column("principal_id", ID, nullable=False),
        sa.Column("endpoint", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name=op.f("fk_replays_principal_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("principal_id", "endpoint", "request_id", name=op.f("pk_replays")),
    )
    op.create_index(op.f("ix_replays_expires_at"), "replays", ["expires_at"])

    op.create_table(
        "failed_uploads",
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("who", "name", name=op.f("pk_failed_uploads")),
    )
    op.create_index(op.f("ix_failed_uploads_failed_at"), "failed_uploads", ["failed_at"])

    op.create_table(
        "claims",
        sa.Column("container_id", ID, nullable=False),
        sa.Column("attachment_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255)),
        sa.Column("media_type", sa.String(length=255)),
        sa.Column("category", sa.String(length=255)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachments.id"],
            name=op.f("fk_claims_attachment_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["container_id"],
            ["containers.id"],
            name=op.f("fk_claims_container_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("container_id", "attachment_id", name=op.f("pk_claims")),
    )
    op.create_index(op.f("ix_claims_attachment_id"), "claims", ["attachment_id"])
    op.create_index(op.f("ix_claims_expires_at"), "claims", ["expires_at"])
    op.create_index("ix_claims_order", "claims", ["container_id", "position"])

    op.create_table(
        "container_versions",
        sa.Column("container_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["container_id"],
            ["containers.id"],
            name=op.f("fk_container_versions_container_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("container_id", "number", name=op.f("pk_container_versions")),
    )

    op.create_table(
        "derivatives",
        sa.Column("attachment_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("media_type", sa.String(length=255), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachments.id"],
            name=op.f("fk_derivatives_attachment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("attachment_id", "kind", name=op.f("pk_derivatives")),
    )

    op.create_table(
        "parts",
        sa.Column("id", ID, nullable=False),
        sa.Column("attachment_id", ID, nullable=False),
        sa.Column("start", sa.BigInteger()),
        sa.Column("ordinal", sa.Integer()),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64)),
        sa.Column("blob_key", sa.String(length=32)),
        sa.Column("inline", sa.LargeBinary()),
        sa.CheckConstraint(
            "(blob_key IS NULL) <> (inline IS NULL)", name=op.f("ck_parts_one_place")
        ),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachments.id"],
            name=op.f("fk_parts_attachment_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parts")),
        sa.UniqueConstraint(
            "attachment_id", "ordinal", name=op.f("uq_parts_attachment_id_ordinal")
        ),
        sa.UniqueConstraint("blob_key", name=op.f("uq_parts_blob_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_parts_attachment_id"), "parts", ["attachment_id"])

    op.create_table(
        "slots",
        sa.Column("attachment_id", ID, nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("blob_key", sa.String(length=32), nullable=False),
        sa.Column("open_until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachments.id"],
            name=op.f("fk_slots_attachment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("attachment_id", "start", name=op.f("pk_slots")),
        sa.UniqueConstraint("blob_key", name=op.f("uq_slots_blob_key")),
    )

    op.create_table(
        "tallies",
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("whose", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("shard", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attachments", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what", "whose", "shard", name=op.f("pk_tallies")),
    )
    for statement in _TALLYING[op.get_context().dialect.name]:
        op.execute(statement)

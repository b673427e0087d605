"""What of each request limit is taken, so that all workers and nodes count together.

A table more: programs of the revision before count for themselves, and serve on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "rates",
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("who", "kind", name=op.f("pk_rates")),
    )
    op.create_index(op.f("ix_rates_ends_at"), "rates", ["ends_at"])

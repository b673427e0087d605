"""How migrations run: on the connection of `coatcheck db upgrade`, or, under `alembic` itself, on one of their own.

The connection is in a transaction when it comes here: all migrations happen, or none.
"""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection

from coatcheck.repositories.tables import metadata


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate_what_the_settings_name() -> None:
    from coatcheck.repositories.engine import open_engine
    from coatcheck.settings import Settings

    engine = open_engine(Settings().effective_database_url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


if (connection := context.config.attributes.get("connection")) is not None:
    migrate(connection)
else:
    asyncio.run(migrate_what_the_settings_name())

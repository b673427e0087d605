"""How many attachments there are of what is counted often, and their bytes: kept by the database itself, by triggers.

Counting a million rows takes long, and a number that every change writes is a row that all changes wait for. So on
PostgreSQL each transaction counts in a row of its own (`shard` is its id), and nobody waits; a sweep folds those into
shard 0. SQLite's writing transactions are alone, and count in shard 0 at once. What there is, is the sum of all shards.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import DDL, BigInteger, Column, String, Table, event

from coatcheck.repositories.tables.base import metadata

#: An owner's detached ones, and a tenant's in its tree.
BY_OWNER, BY_TENANT = "detached", "filed"

tallies = Table(
    "tallies",
    metadata,
    Column("what", String(16), primary_key=True),
    Column("whose", BigInteger, primary_key=True, autoincrement=False),
    Column("shard", BigInteger, primary_key=True, autoincrement=False),
    Column("attachments", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

_ADD = (
    "ON CONFLICT (what, whose, shard) DO UPDATE SET"
    " attachments = tallies.attachments + excluded.attachments, bytes = tallies.bytes + excluded.bytes"
)

#: Whose tally, which attachments count, and the columns that decide it.
_RULES = {
    BY_OWNER: ("owner_id", "{row}.state = 'detached'", "state, owner_id, size"),
    BY_TENANT: ("tenant_id", "{row}.token IS NOT NULL", "token, tenant_id, size"),
}


def _sqlite() -> list[str]:
    """A trigger for each way in or out: rows change one by one."""
    return [
        f"CREATE TRIGGER tally_{what}_{name} AFTER {moment.format(columns=columns)} ON attachments"  # noqa: S608
        f" WHEN {counts.format(row=row)} BEGIN INSERT INTO tallies"
        f" VALUES ('{what}', {row}.{whose}, 0, {sign}1, {sign}{row}.size) {_ADD}; END"
        for what, (whose, counts, columns) in _RULES.items()
        for name, moment, row, sign in (
            ("insert", "INSERT", "NEW", ""),
            ("leave", "UPDATE OF {columns}", "OLD", "-"),
            ("enter", "UPDATE OF {columns}", "NEW", ""),
            ("delete", "DELETE", "OLD", "-"),
        )
    ]


def _postgresql() -> Iterator[str]:
    """A trigger for each kind of statement, however many rows it changes."""
    counted = ", ".join(
        f"('{what}', {whose}, {counts.format(row='changed')})"
        for what, (whose, counts, _) in _RULES.items()
    )
    new, old = "SELECT 1 AS sign, * FROM new_rows", "SELECT -1 AS sign, * FROM old_rows"
    given_new, given_old = "NEW TABLE AS new_rows", "OLD TABLE AS old_rows"
    for name, rows, given in (
        ("insert", new, given_new),
        ("update", f"{new} UNION ALL {old}", f"{given_new} {given_old}"),
        ("delete", old, given_old),
    ):
        yield (
            f"CREATE FUNCTION tally_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO tallies"  # noqa: S608
            " SELECT rule.what, rule.whose, txid_current(), sum(sign), sum(sign * size)"
            f" FROM ({rows}) AS changed, LATERAL (VALUES {counted}) AS rule (what, whose, counts)"
            " WHERE rule.counts GROUP BY rule.what, rule.whose HAVING sum(sign) <> 0 OR sum(sign * size) <> 0"
            f" {_ADD}; RETURN NULL; END $$"
        )
        yield (
            f"CREATE TRIGGER tally_{name} AFTER {name.upper()} ON attachments REFERENCING {given}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION tally_{name}()"
        )


for _dialect, _statements in (("sqlite", _sqlite()), ("postgresql", _postgresql())):
    for _statement in _statements:
        event.listen(metadata, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]

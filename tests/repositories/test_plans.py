"""What is asked for on every request is found by an index, however much there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text

from coatcheck.domain.claim import ById, ByPublicId, ByToken
from coatcheck.domain.digest import SHA3_256
from coatcheck.domain.lifecycle import State
from coatcheck.domain.pages import Window
from coatcheck.domain.principal import Principal
from tests import deeds
from tests.core import Core

# PostgreSQL decides by how much there is, and with the few rows of a test it is right to walk through them.
pytestmark = pytest.mark.sqlite


@contextmanager
def asked(place: Core) -> Iterator[dict[str, Any]]:
    """Every statement with the parameters it first came with."""
    seen: dict[str, Any] = {}

    def note(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, many: bool) -> None:
        if not many and re.match(r"SELECT|UPDATE|DELETE", statement):
            seen.setdefault(statement, parameters)

    event.listen(place.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(place.engine.sync_engine, "before_cursor_execute", note)


async def test_no_request_walks_through_a_whole_table(place: Core, ann: Principal):
    async with place.engine.begin() as connection:
        await connection.execute(text("ANALYZE"))
    with asked(place) as seen:
        made = await deeds.deposit(
            place, ann, b"x" * 2000, digests=frozenset({SHA3_256}), supersede=True
        )
        await deeds.file_away(place, ann, b"x", "a/b/c.txt")
        for start in (0, 1):
            await deeds.receive(place, deeds.a_part(ann, b"x", total=2, start=start))
        for reference in (ById(made.id), ByPublicId(made.public_id), deeds.by_sha3(b"x" * 2000)):
            await place.services.downloads.open(ann, reference)
        await place.services.downloads.open(ann, ByToken("a/b/c.txt"))
        await place.services.listing.detached(ann, Window(limit=2))
        held = await deeds.post(place, ann, made, exclusive=True, request=deeds.request_id())
        await place.services.containers.delete(deeds.removal(ann, held.ref))
        await place.services.keys.authenticate(await place.key())
        gone = await deeds.deposit(place, ann, b"y")
        await place.services.deleting.delete(ann, ById(gone.id), [State.DETACHED])
    scans = []
    async with place.engine.begin() as connection:
        for statement, parameters in seen.items():
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            scans += [
                (row.detail, statement)
                for row in plan
                if row.detail.startswith("SCAN ")
                and not re.match(r"SCAN (CONSTANT|.* USING (COVERING )?INDEX)", row.detail)
            ]
    assert scans == []


async def test_the_last_claim_of_a_tree_is_found_by_its_index(place: Core):
    async with place.engine.begin() as connection:
        plan = await connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT max(position) FROM claims WHERE container_id = 1"
        )
        assert "ix_claims_order" in plan.one().detail

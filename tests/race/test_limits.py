"""Limits that are counted hold over several processes that come at once, on whichever database."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests import deeds
from tests.books import assert_books_balance
from tests.core import core
from tests.engines import postgres
from tests.race.filler import ATTACHMENTS, OPEN_UPLOADS, PARTS, PROCESSES
from tests.race.test_processes import begin, started


@pytest.mark.parametrize("database", ["chosen", "postgres"])
async def test_parts_open_uploads_and_attachments_fill_up_to_their_limits_and_no_further(
    tmp_path: Path, database: str
) -> None:
    settings: dict[str, Any] = {}
    if database == "postgres":
        postgres.required()
        settings["database_url"] = postgres.fresh_database()
        (tmp_path / "database.url").write_text(settings["database_url"])
    async with core(tmp_path, **settings) as place:
        await deeds.principal(place)
        token = await place.key()
    fillers = [started("filler", tmp_path, seed, token) for seed in range(PROCESSES)]
    begin(tmp_path, fillers)
    taken = Counter[str]()
    for each in fillers:
        out, err = each.communicate(timeout=50)
        assert each.returncode == 0, err
        taken.update(json.loads(out))
    # The upload with all the parts is one of those that are open, and each of these is an attachment.
    assert taken == {
        "parts": PARTS,
        "open uploads": OPEN_UPLOADS - 1,
        "attachments": ATTACHMENTS - OPEN_UPLOADS,
    }
    if database == "chosen":
        assert_books_balance(tmp_path)

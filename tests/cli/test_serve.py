"""`coatcheck serve` beside another host that serves the same database."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest

from coatcheck.repositories.sqlite_driver import sqlite
from coatcheck.settings import Settings
from tests.cli.conftest import Invoke


@pytest.mark.sqlite
def test_a_second_host_does_not_start_and_disturbs_nothing(
    invoke: Invoke, installed: Settings
) -> None:
    until = time.time_ns() // 1_000_000 + 50_000
    lease = json.dumps({"name": "other", "boot": "b", "machine": "m", "until": until})
    with closing(sqlite.connect(installed.data_dir / "coatcheck.db")) as connection, connection:
        connection.execute("INSERT INTO installation VALUES ('host', ?)", (lease,))

    ran = invoke("serve", "--port", "0")

    assert ran.exit_code == 1
    assert "Another host, other, serves this database" in ran.stderr
    with closing(sqlite.connect(installed.data_dir / "coatcheck.db")) as connection:
        found = connection.execute("SELECT value FROM installation WHERE name = 'host'").fetchone()
    assert found == (lease,)
    assert invoke("keys", "list").exit_code == 0

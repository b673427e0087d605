"""The folder of blobs: who may read it, which folders it may not be, and keys in the database that are no keys."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coatcheck.cli import app
from coatcheck.repositories.sqlite_driver import sqlite
from tests.e2e.server import running_server
from tests.security.asking import Asker, fresh
from tests.security.harness import ENV, Site


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that was started under a umask that hides nothing."""
    before = os.umask(0)
    try:
        with running_server(tmp_path_factory.mktemp("careless") / "data", env=ENV) as server:
            yield Site("granian", server)
    finally:
        os.umask(before)


def test_what_is_stored_is_nobody_elses_to_read_whatever_the_umask(careless: Site) -> None:
    """Files 0600 and directories 0700, the database among them."""
    Asker(careless).left(fresh(100_000))
    data = careless.server.data_dir
    for path in (data, *sorted(data.rglob("*"))):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path}: {mode:o}"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file:///", "root of the file system"),
        ("file:relative", "absolute|file:///"),
        ("file://elsewhere/x", "file:///|absolute|host"),
        pytest.param(
            "file:///proc/nothing",
            "No such file|Permission|not permitted",
            marks=pytest.mark.thorough,
        ),
        ("file:///etc/passwd", "not a directory|Not a directory"),
        pytest.param("file:///nowhere/at/all", "No such file", marks=pytest.mark.thorough),
        pytest.param("/tmp", "scheme|file:///", marks=pytest.mark.thorough),
        pytest.param("http://169.254.169.254/", "scheme|s3|file", marks=pytest.mark.thorough),
    ],
)
def test_a_folder_that_cannot_be_right_is_refused_before_anything_starts(
    tmp_path: Path, url: str, said: str
) -> None:
    env = {"COATCHECK_DATA_DIR": str(tmp_path / "data"), "COATCHECK_BLOBS_URL": url}
    ran = CliRunner().invoke(app, ["serve", "--port", "0"], env=env)
    assert ran.exit_code == 1, ran.output
    assert ran.stderr.startswith("coatcheck: "), ran.stderr
    assert "Traceback" not in ran.stderr
    assert re.search(said, ran.stderr), ran.stderr


KEYS = ("../../outside", "/etc/passwd", "..", "", "A" * 32, "../tmp/outside")


def test_a_key_in_the_database_that_is_none_opens_no_file(careless: Site) -> None:
    """As a backup that somebody has tampered with would bring it in."""
    ann, data = Asker(careless, may_fail=frozenset({500})), careless.server.data_dir
    made, secret = ann.left(fresh(100_000)), fresh(100_000)
    outside = [place / "outside" for place in (data.parent, data, data / "blobs" / "blobs")]
    for path in outside:
        path.write_bytes(secret)
    for key in KEYS:
        with closing(sqlite.connect(data / "coatcheck.db", timeout=15)) as database:
            change = "UPDATE parts SET blob_key = ? WHERE attachment_id = ?"
            database.execute(change, (key, made["id"]))
            database.commit()
        for fields in ((), ((b"Range", b"bytes=0-9"),)):
            answer = ann.get(f"/coatcheck/v1/attachments/{made['id']}/content", *fields)
            assert answer.status == 500, (key, answer)
            assert secret[:9] not in answer.body
    assert ann.ask("DELETE", f"/coatcheck/v1/attachments/{made['id']}").status == 204
    careless.server.run("sweep")
    for path in outside:
        assert path.read_bytes() == secret

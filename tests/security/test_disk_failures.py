"""What the disk refuses, and files that would fill it for whoever unpacked them."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner

from coatcheck.cli import app
from tests.books import assert_books_balance
from tests.core import lay_out
from tests.crash.zygote import Zygote, zygote
from tests.security.aftermath import unharmed
from tests.security.asking import Asker, fresh
from tests.security.harness import Site


@pytest.fixture(scope="module")
def forks() -> Iterator[Zygote]:
    with zygote() as start:
        yield start


SELDOM = ("EDQUOT", "ENFILE", "EIO", "ENAMETOOLONG")


@pytest.mark.parametrize(
    "failure",
    [
        *("ENOSPC", "EMFILE", "EROFS", "EACCES"),
        *(pytest.param(each, marks=pytest.mark.thorough) for each in SELDOM),
    ],
)
def test_what_the_disk_refuses_is_told_and_the_next_upload_works(
    forks: Zygote, tmp_path: Path, failure: str
) -> None:
    """Without a restart, and with nothing left of the one that failed."""
    key = _key_of(tmp_path / "data")
    faults = {"COATCHECK_ENV": "test", "COATCHECK_FAULTS": f"U2:raise={failure}"}
    server = forks.start(tmp_path / "data", faults)
    server.wait_until_ready()
    try:
        url, headers = f"{server.url}/coatcheck/v1/attachments", {"Authorization": f"Bearer {key}"}
        content = fresh(100_000)
        failed = requests.post(url, data=content, headers=headers, timeout=30)
        assert failed.status_code in (503, 507), failed.text
        assert failed.status_code == 503 or failure in ("ENOSPC", "EDQUOT")
        assert failure not in failed.text
        assert int(failed.headers.get("retry-after", "0")) > 0 or failed.status_code == 507
        made = requests.post(url, data=content, headers=headers, timeout=30)
        assert made.status_code == 201, made.text
        read = requests.get(f"{url}/{made.json()['id']}/content", headers=headers, timeout=30)
        assert read.content == content
        assert_books_balance(tmp_path / "data", settled=True)
    finally:
        server.kill()


def _key_of(data: Path) -> str:
    """A key to an installation that is made with it."""
    env = {"COATCHECK_DATA_DIR": str(data), **lay_out(data)}
    ran = CliRunner().invoke(app, ["keys", "create", "--tenant", "acme", "--user", "ann"], env=env)
    assert ran.exit_code == 0, ran.output
    return ran.stdout.strip()


def _archive() -> bytes:
    """10 MiB of nothing, in an archive in an archive, as a document of an office would be."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("word/document.xml", bytes(10 * 1024 * 1024))
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.docx", inner.getvalue())
    return outer.getvalue()


def test_an_archive_that_is_a_bomb_is_bytes_like_any_other(site: Site) -> None:
    ann = Asker(site)
    gzip = zlib.compressobj(9, zlib.DEFLATED, 31)
    bombs: dict[str, Any] = {
        "42.zip": _archive(),
        "a.docx": _archive(),
        "a.gz": gzip.compress(bytes(10 * 1024 * 1024)) + gzip.flush(),
        "a.svgz": b"\x1f\x8b" + fresh(1000),
    }
    with unharmed(site):
        before = site.server.peak_rss()
        for name, bomb in bombs.items():
            file = ann.filed(bomb, name)
            assert file["file_size"] == len(bomb)
            answer = ann.get(f"/coatcheck/v1/attachments/{file['id']}/content")
            assert answer.body == bomb
            assert answer.header("content-encoding") is None
            ann.deleted(file["id"])
        assert site.server.peak_rss() - before < 8 * 1024 * 1024

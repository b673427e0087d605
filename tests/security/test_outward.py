"""What goes outward: no calls to where a client says, links that end, a log that is ours, and pages for operators.

Links of the S3 store, which are signed and expire, are tested with the store: `tests/blobs/s3`, and
`tests/web/test_redirecting.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from coatcheck.cli import app
from tests.security.aftermath import unharmed
from tests.security.asking import Asker, fresh, path_of
from tests.security.harness import DIALECTS, UPLOADS, Site
from tests.security.requests import part
from tests.security.test_thumbnails import somebody_who_listens

FIELDS = ("url", "remote_url", "source_url", "file_url", "fileUrl", "src", "callback", "webhook")


def test_no_address_that_a_client_names_is_ever_called(site: Site) -> None:
    """There is no upload from an address and no callback: such a field is refused, or nobody reads it."""
    ann = Asker(site)
    with unharmed(site), somebody_who_listens() as (port, calls):
        for address in (
            f"http://127.0.0.1:{port}/x",
            f"http://[::ffff:127.0.0.1]:{port}/x",
            "http://169.254.169.254/latest/meta-data/",
            "file:///etc/passwd",
        ):
            wanted = dict.fromkeys(FIELDS, address)
            for dialect in DIALECTS:
                path = UPLOADS[dialect].decode()
                if dialect not in ("campr", "native"):  # which take any bytes, and these are some
                    answer = ann.ask("POST", path, json=wanted)
                    assert 400 <= answer.status < 500, (dialect, answer)
                    texts = [part(address.encode(), name.encode(), None) for name in FIELDS]
                    answer = ann.sent(path, *texts, part(address.encode(), b"file", None))
                    assert 400 <= answer.status < 500, (dialect, answer)
            made = ann.ask("POST", "/coatcheck/v1/attachments", body=json.dumps(wanted).encode())
            content = ann.get(f"/coatcheck/v1/attachments/{made.json()['id']}/content")
            assert json.loads(content.body) == wanted
            ann.deleted(made.json()["id"])
        assert calls == []
        ours = {site.server.port}
        for pid in site.server.pids():
            for each in psutil.Process(pid).net_connections("inet"):
                assert each.laddr.port in ours, f"a connection of its own: {each}"


def test_a_link_ends_with_its_file_and_is_good_for_nothing_else(site: Site) -> None:
    ann, nobody = Asker(site), Asker(site, "")
    with unharmed(site):
        file, other = ann.filed(fresh()), ann.filed(fresh())
        path = path_of(file["url"])
        _, _, capability, name = path.split("/")
        assert nobody.get(path).status == 200
        assert nobody.get(f"/f/{capability}/any.name").status == 200  # which means nothing
        never = nobody.get(f"/f/{'A' * 22}/{name}")
        swapped = capability.swapcase()
        for bad in (capability[:-1], capability + "A", swapped, capability[::-1], "", "%00", ".."):
            answer = nobody.get(f"/f/{bad}/{name}")
            assert answer.status == 404
            assert answer.body == never.body
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert nobody.ask(method, path).status == 405
        assert nobody.get(f"/api/files/{file['id']}").status == 401
        ann.deleted(file["id"])
        gone = nobody.get(path)
        assert (gone.status, gone.body) == (404, never.body)
        assert nobody.get(path_of(other["url"])).status == 200
        ann.deleted(other["id"])
        assert capability not in site.server.said(), "the log tells a link"


#: Of a head that is none uvicorn says so, and not what it was.
MESSAGES = ("request", "Invalid HTTP request received.")
FORGERIES = (
    "\n2026-11-22T00:00:00Z INFO coatcheck fake",
    '\r\n{"level": "error", "message": "fake"}',
    "\x1b[31mred\x1b[0m",
    "\u2028fake",
    "${jndi:ldap://x}",
    "%s%s%n",
    "x" * 100_000,
)


def test_nobody_writes_a_line_of_the_log_but_the_server(site: Site) -> None:
    """Names, keys of uploads, ids of requests, agents and paths, with ends of lines in them."""
    ann = Asker(site)
    with unharmed(site):
        began = site.server.log.stat().st_size
        for text in FORGERIES:
            quoted = "".join(f"%{byte:02X}" for byte in text.encode())
            flat = text.replace("\r", "").replace("\n", " ").encode()[:50_000]
            ann.chunk(0, b"x", total=5, key=text)
            ann.ask("GET", "/attachments", (b"User-Agent", flat), (b"X-Request-ID", flat))
            if len(quoted) < 5000:
                ann.get(f"/attachments/{quoted}")
                ann.get(f"/v2/attachments?filename={quoted}")
            ann.ask("PUT", "/v1/attachments/Never0Existed000", json={"filename": text})
            ann.ask("POST", "/posts", (b"Client-Request-ID", flat), json={"type": text})
        with site.server.log.open("rb") as log:
            log.seek(began)
            lines = log.read().splitlines()
        assert lines
        for line in lines:
            assert len(line) < 20_000
            assert line.isascii()
            told = json.loads(line)
            assert told["message"] in MESSAGES, told
            assert b"\x1b" not in line


OPERATORS = ("/-/health", "/-/ready", "/-/metrics", "/-/docs", "/-/openapi.json")
ELSEWHERE = (
    "/metrics",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/healthz",
    "/debug",
    "/admin",
    "/.env",
)


def test_pages_for_operators_tell_nothing_of_tenants_and_lie_where_a_proxy_can_close_them(
    site: Site,
) -> None:
    ann, nobody = Asker(site), Asker(site, "")
    with unharmed(site):
        made = ann.filed(fresh(), "a-name-to-look-for.bin")
        for path in OPERATORS:
            answer = nobody.get(path)
            if path == "/-/metrics" and answer.status in (401, 403, 404):
                continue
            assert answer.status == 200, (path, answer.status)
            for secret in (
                b"acme",
                b"rival",
                b"a-name-to-look-for",
                str(site.server.data_dir).encode(),
            ):
                assert secret not in answer.body, (path, secret)
        for path in ELSEWHERE:
            assert nobody.get(path).status in (401, 404), path
        ann.deleted(made["id"])


@pytest.mark.parametrize(
    "env",
    [
        {"COATCHECK_FAULTS": "U5:kill"},
        {"COATCHECK_ENV": "debug"},
        {"COATCHECK_LOG_LEVEL": "trace"},
    ],
    ids=lambda env: " ".join(f"{name}={value}" for name, value in env.items()),
)
def test_a_server_that_is_to_fail_on_purpose_is_none_for_production(
    tmp_path: Path, env: dict[str, str]
) -> None:
    """And a setting that does not exist, or no such value of it, is told instead of guessed."""
    env = {**env, "COATCHECK_DATA_DIR": str(tmp_path / "data")}
    ran = CliRunner().invoke(app, ["serve", "--port", "0"], env=env)
    assert ran.exit_code == 1, ran.output
    assert next(iter(env)) in ran.stderr
    assert "Traceback" not in ran.stderr

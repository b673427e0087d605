"""OpenProject's clients, unmodified, against a real server: what they send, and what they make of the answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.compat.venvs import client_python
from tests.e2e.server import Server, running_server

HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs" / "openproject.md"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(100))

# The first of these tests installs the client.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("openproject") / "data") as running:
        yield running


def run(server: Server, client: str, script: str, *arguments: str) -> Any:
    """What a scenario of the client's script found out."""
    environment = {**os.environ, "OPENPROJECT_URL": server.url, "OPENPROJECT_KEY": server.key()}
    ran = subprocess.run(
        [client_python(client), HERE / "openproject" / script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def containerless(server: Server, *arguments: str) -> Any:
    return run(server, "pyopenproject", "with_pyopenproject.py", *arguments)


def api_client(server: Server, *arguments: str) -> Any:
    return run(server, "openproject-api-client", "with_api_client.py", *arguments)


def upload(server: Server, name: str = "cat.png") -> str:
    """Its id; openproject-api-client cannot upload."""
    files: Any = {
        "metadata": (None, json.dumps({"fileName": name}), "application/json"),
        "file": ("pic.png", PNG, "image/png"),
    }
    url = f"{server.url}/api/v3/attachments"
    answer = requests.post(url, files=files, auth=("apikey", server.key()), timeout=60)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


class TestPyopenproject:
    def test_an_attachment_is_left_found_downloaded_and_deleted(self, server: Server) -> None:
        found = containerless(server, "containerless")
        assert (found["name"], found["description"]) == ("cat.png", "A cat")
        assert found["same"]
        assert found["whole"]
        assert "errors:NotFound" in found["again"]

    def test_it_reads_text_as_text(self, server: Server) -> None:
        """And then stumbles over its own feet; with any other type it would have done so before."""
        assert "bytes-like" in containerless(server, "text")

    def test_a_work_package_claims_lists_and_loses_attachments(self, server: Server) -> None:
        found = containerless(server, "claimed")
        assert found["container"] == f"/api/v3/work_packages/{found['id']}"
        assert found["listed"] == ["a.png", "b.png"]
        assert found["embedded"] == 2
        assert found["left"] == ["b.png"]
        assert "Attachments cannot be changed." in found["twice"]

    def test_an_update_that_sends_all_back_keeps_the_attachments(self, server: Server) -> None:
        found = containerless(server, "updated")
        assert found["subject"] == "Another"
        assert found["kept"] == ["a.png", "b.png"]
        assert "errors:UpdateConflict" in found["stale"]
        assert found["shorter"] == ["b.png"]

    def test_what_is_unknown_cannot_be_claimed(self, server: Server) -> None:
        assert "Attachments does not exist." in containerless(server, "unclaimable")

    def test_it_finds_its_surroundings(self, server: Server) -> None:
        assert containerless(server, "surroundings") == {
            "root": "Root",
            "largest": 5 * 1024 * 1024,
            "user": "ann",
            "project": "acme",
            "projects": ["acme"],
            "wiki": [],
            "first": 1,
        }


class TestOpenprojectApiClient:
    def test_it_understands_an_attachment(self, server: Server) -> None:
        id = upload(server)
        found = api_client(server, "one", id)
        assert found["type"] == "Attachment"
        assert found["dated"], found["created"]
        assert (found["name"], found["size"]) == ("cat.png", len(PNG))
        assert found["author"][1] == "ann"
        assert found["container"] == [None, None]
        assert found["url"] == f"/api/v3/attachments/{id}/content"
        assert found["missing"] is None

    def test_a_work_package_claims_and_replaces_attachments(self, server: Server) -> None:
        first, second = upload(server), upload(server)
        found = api_client(server, "claim", first, second)
        assert found == {
            "type": "WorkPackage",
            "listed": [int(first), int(second)],
            "container": [["work_packages", True]] * 2,
            "version": 1,
            "left": [int(first)],
            "gone": None,
            "deleted": True,
            "empty": [],
        }

    def test_a_work_package_is_made_and_changed(self, server: Server) -> None:
        found = api_client(server, "work_package")
        assert (found["subject"], found["version"], found["project"]) == ("Changed", 1, 1)
        assert "409" in found["late"]

    def test_it_finds_its_surroundings(self, server: Server) -> None:
        found = api_client(server, "surroundings")
        assert found == {"user": "ann", "projects": ["acme"], "first": 1, "nobody": None}

    def test_a_refusal_reaches_its_user(self, server: Server) -> None:
        assert "Attachments does not exist." in api_client(server, "refused")


# The lines of the specification's clients as they would be typed, each answer in a file of its own.
CURL = r"""
set -eu
U="-u apikey:$OP_TOKEN"
curl -sS -i $U $BASE/api/v3/attachments \
     -F 'metadata={"fileName":"cat.png","description":{"raw":"A cat"}};type=application/json' \
     -F 'file=@pic.png;type=image/png' > 01
curl -sS -i $U $BASE/api/v3/attachments/1 > 02
curl -sS -i $U $BASE/api/v3/attachments/1/content > 03
curl -sS -i -H "Authorization: Bearer $OTHER_TOKEN" $BASE/api/v3/attachments/1 > 04
curl -sS -i $U -X POST $BASE/api/v3/work_packages -H 'Content-Type: application/json' \
     -d '{"subject":"Claims","_links":{"project":{"href":"/api/v3/projects/1"},
          "type":{"href":"/api/v3/types/1"},"attachments":[{"href":"/api/v3/attachments/1"}]}}' > 05
curl -sS -i $U $BASE/api/v3/work_packages/1/attachments > 06
curl -sS -i $U -X PATCH $BASE/api/v3/work_packages/1 -H 'Content-Type: application/json' \
     -d '{"lockVersion":0,"_links":{"attachments":[]}}' > 07
curl -sS -i $U $BASE/api/v3/attachments -F 'metadata={"fileName":'  -F file=@pic.png > 08
curl -sS -i $U $BASE/api/v3/attachments -F 'metadata={};type=application/json' -F file=@pic.png > 09
curl -sS -i $U $BASE/api/v3/attachments/prepare \
     -F 'metadata={"fileName":"a.bin","fileSize":3};type=application/json' > 10
curl -sS -i $U -X DELETE $BASE/api/v3/attachments/1 > 11
curl -sS -i $U $BASE/api/v3/attachments \
     -F 'metadata={"fileName":"x"};type=application/json' -F 'file=../x' > 12
curl -sS -i $U -X POST $BASE/api/v3/attachments > 13
curl -sS -i $BASE/api/v3/attachments/1 > 14
curl -sS -i $U -I $BASE/api/v3/configuration > 15
"""

STATUSES = [200, 200, 200, 404, 201, 200, 200, 400, 422, 422, 404, 422, 406, 401, 200]


def answer(path: Path) -> tuple[int, dict[str, str], bytes]:
    """(status, headers in lower case, body) of a file that curl -i wrote."""
    whole = path.read_bytes()
    while True:  # past a "100 Continue"
        head, _, whole = whole.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        status = int(first.split()[1])
        if status != 100:
            break
    pairs = (line.partition(":") for line in lines)
    return status, {name.lower(): value.strip() for name, _, value in pairs}, whole


def test_the_curl_lines_of_the_specification_do_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "pic.png").write_bytes(PNG)
    with running_server(tmp_path / "data") as fresh:
        tokens = {"OP_TOKEN": fresh.key(), "OTHER_TOKEN": fresh.key("acme", "bob")}
        ran = subprocess.run(
            ["bash", "-c", CURL],
            cwd=tmp_path,
            env={**os.environ, "BASE": fresh.url, **tokens},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert ran.returncode == 0, ran.stderr
    answers = [answer(tmp_path / f"{number:02}") for number in range(1, len(STATUSES) + 1)]
    assert [status for status, _, _ in answers] == STATUSES
    for number, (_, headers, body) in enumerate(answers, start=1):
        if number not in (3, 13):
            assert headers["content-type"] == "application/hal+json; charset=utf-8", number
        assert b'"detail"' not in body
    documents = [json.loads(body) if body.startswith(b"{") else {} for _, _, body in answers]
    assert documents[0]["fileSize"] == documents[0]["filesize"] == len(PNG)
    assert answers[2][2] == PNG
    assert documents[4]["_embedded"]["attachments"]["total"] == 1
    assert documents[5]["_embedded"]["elements"][0]["fileName"] == "cat.png"
    assert documents[6]["_embedded"]["attachments"]["total"] == 0
    assert answers[14][2] == b""


def test_the_curl_lines_of_our_own_page_do_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(PNG)
    (script,) = re.findall(r"```bash\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    with running_server(tmp_path / "data") as fresh:
        script = script.replace("http://127.0.0.1:8080", fresh.url)
        ran = subprocess.run(
            ["bash", "-euc", script],
            cwd=tmp_path,
            env={**os.environ, "OP_TOKEN": fresh.key()},
            capture_output=True,
            timeout=120,
        )
    assert ran.returncode == 0, ran.stderr
    said = ran.stdout.decode("latin-1")
    assert re.findall(r"HTTP/1.1 (\d+)", said) == "200 201 200 200 200 204".split()
    assert '"_type":"Error"' not in said

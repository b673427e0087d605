"""Tracker's own clients, unmodified, against a real server: what they send, and what they make of the answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.compat.venvs import client_python
from tests.e2e.server import Server, running_server
from tests.web.dialects.tracker.asks import png

HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs" / "tracker.md"

# The first of these tests installs the client.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("tracker") / "data") as running:
        yield running


def run(server: Server, client: str, script: str, *arguments: str, user: str = "ann") -> Any:
    """What a scenario of the client's script found out."""
    ran = subprocess.run(
        [client_python(client), HERE / "tracker" / script, *arguments],
        env=environment(server, user),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def environment(server: Server, user: str = "ann") -> dict[str, str]:
    key = server.key("acme", user)
    return {**os.environ, "TRACKER_URL": server.url, "TRACKER_TOKEN": key, "TRACKER_ORG": "acme"}


def official(server: Server, *arguments: str) -> Any:
    return run(server, "yandex-tracker-client", "official.py", *arguments)


def asynchronous(server: Server, *arguments: str) -> Any:
    return run(server, "yatracker", "asynchronous.py", *arguments)


def refusal(status: int, **said: Any) -> dict[str, Any]:
    """As the official client understands it."""
    return {"status": status, "errors": {}, "messages": [], **said}


def told(given: Any) -> dict[str, Any]:
    """Without what the client makes of it for people."""
    assert isinstance(given, dict), given
    return {name: given[name] for name in ("status", "errors", "messages")}


class TestTheOfficialClient:
    def test_a_temporary_file_goes_up_comes_back_and_is_deleted(self, server: Server) -> None:
        found = official(server, "temporary_file")
        assert found["id"].isdigit()
        assert found["name"] == found["again"] == "report.txt"
        assert (found["mimetype"], found["size"]) == ("text/plain", 5)
        assert (found["author"], found["login"]) == ("ann", "ann")
        assert found["self"] == f"{server.url}/v2/attachments/{found['id']}"
        assert found["content"] == "hello"
        assert found["id"] in found["mine"]
        assert told(found["after_delete"]) == refusal(404, messages=["Attachment does not exist."])

    def test_a_name_in_any_script_is_kept_and_its_address_can_be_fetched(
        self, server: Server
    ) -> None:
        found = official(server, "unicode_name")
        assert found["name"] == "Отчёт + план 100%.txt"
        assert found["content"].isascii()
        assert found["bytes"] == "data"
        assert (found["renamed"], found["renamed_bytes"]) == ("Новое имя.txt", "hello")

    def test_files_of_an_issue_and_its_comments_are_listed_together(self, server: Server) -> None:
        found = official(server, "issue_with_files")
        assert found["key"] == "TREK-1"
        assert found["listed"] == {
            "report.txt": "hello",
            "log.txt": "log",
            "more.txt": "more",
            "direct.txt": "direct",
        }
        assert set(found["paths"]) == {"/v2/issues/TREK-1/attachments"}
        assert (found["summary"], found["versions"]) == ("Changed", [1, 2])
        assert (found["queue"], found["author"]) == ("TREK", "ann")
        assert found["comment"] == ["see file", ["log.txt"]]
        assert found["comments"] == ["see file"]
        assert found["by_key"] == "Changed"
        assert found["left"] == ["direct.txt", "more.txt", "report.txt"]

    def test_a_temporary_file_is_attached_once_and_a_refused_issue_is_not_made(
        self, server: Server
    ) -> None:
        found = official(server, "used_twice")
        assert found["issue"]["error"] == found["comment"]["error"] == "UnprocessableEntity"
        assert set(found["issue"]["errors"]) == {"attachmentIds"}
        assert found["comments"] == 0
        assert found["next"] == "ONCE-2"

    def test_a_cloud_organization_and_the_newer_version_are_spoken_too(
        self, server: Server
    ) -> None:
        found = official(server, "cloud")
        assert found["self"].startswith(f"{server.url}/v3/attachments/")
        assert found["issue"] == f"{server.url}/v3/issues/CLOUD-1"
        assert (found["bytes"], found["me"]) == ("hello", "ann")

    def test_a_repeated_issue_is_the_same_one_and_a_stale_change_is_refused(
        self, server: Server
    ) -> None:
        found = official(server, "conflicts")
        assert found["same"] == ["CON-1", "CON-1"]
        assert told(found["stale"]) == refusal(412, messages=["Version mismatch."])
        assert found["ignored"] == "forced"

    def test_refusals_reach_people_in_words(self, server: Server) -> None:
        found = official(server, "refusals")
        assert told(found["unknown"]) == refusal(404, messages=["Issue does not exist."])
        assert told(found["attachment"]) == refusal(404, messages=["Attachment does not exist."])
        nowhere = ["Organization is not available, not ready or not found"]
        assert told(found["organization"]) == refusal(403, messages=nowhere)
        nobody = refusal(401, messages=["Authorization required."])
        assert told(found["token"]) == told(found["nothing"]) == nobody
        fields = {"queue": "Queue does not exist.", "summary": "Summary is required."}
        assert told(found["field"]) == refusal(422, errors=fields)
        assert "Queue does not exist." in found["field"]["text"]

    def test_a_project_takes_a_temporary_file(self, server: Server) -> None:
        found = official(server, "entity")
        assert found["type"] == "project"
        assert found["attached"] == ["plan.txt"]
        assert found["listed"] == {"plan.txt": "hello"}
        assert told(found["other"])["status"] == 422
        assert found["left"] == []

    def test_the_size_of_an_image_is_told(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "pic.png").write_bytes(png(16, 9))
        found = official(server, "thumbnail", str(tmp_path / "pic.png"))
        assert found["metadata"] == {"size": "16x9"}
        assert found["thumbnail"] is None or found["bytes"] > 0

    def test_a_file_that_it_sends_again_without_its_bytes_is_not_taken_for_the_file(
        self, tmp_path: Path
    ) -> None:
        """The disk fails for the first attempt only; the client has read its file to the end by then."""
        with running_server(tmp_path / "data") as server:
            blobs, away = tmp_path / "data" / "blobs", tmp_path / "away"
            official(server, "temporary_file")  # whatever is made on first use
            blobs.rename(away)

            def mend() -> None:
                while '"status": 5' not in server.said():
                    time.sleep(0.05)
                away.rename(blobs)

            threading.Thread(target=mend, daemon=True).start()
            found = official(server, "file_that_is_sent_again")
            assert told(found["outcome"])["status"] == 422, found
            assert "send it again" in found["outcome"]["errors"]["file"]


class TestYatracker:
    def test_files_of_an_issue_and_its_comments_in_every_step(self, server: Server) -> None:
        found = asynchronous(server, "issue_with_files")
        temporary = found["temporary"]
        assert (temporary["name"], temporary["mimetype"]) == ("report.txt", "text/plain")
        assert temporary["created_by"]["display"] == "ann"
        key = found["key"]
        assert key.startswith("TREK-")
        assert len(found["long"]) == 24
        comment, text, author = found["comment"]
        assert (text, author) == ("see file", "ann")
        assert found["direct"].startswith(f"/v3/issues/{key}/attachments/")
        assert found["listed"] == [
            ["report.txt", 5, None],
            ["Журнал + 1.txt", 3, str(comment)],
            ["direct.txt", 6, None],
        ]
        assert found["content"] == ["hello", "log", "direct"]
        assert found["by_id"] == key
        assert (found["edited"], found["stale"]) == ("Changed", "AlreadyExistsError")
        assert (found["comment_edited"], found["comments"]) == (2, ["edited"])
        assert found["reuse"] == "YaTrackerError"
        assert found["left"] == ["Журнал + 1.txt", "direct.txt"]
        assert found["without_comment"] == ["direct.txt"]
        assert found["unknown"] == "ObjectNotFoundError"

    def test_an_imported_file_keeps_its_author_and_time(self, server: Server) -> None:
        found = asynchronous(server, "imported")
        assert found["created"].startswith("2017-06-11T05:16:01.339")
        assert found["author"] == "ann"
        assert found["listed"] == [found["created"], "old.txt"]

    def test_a_cloud_organization(self, server: Server) -> None:
        assert asynchronous(server, "cloud") == {"name": "cloud.txt"}

    def test_another_organization_is_refused(self, server: Server) -> None:
        assert asynchronous(server, "elsewhere") == {"refused": "SufficientRightsError"}


class TestCurl:
    def test_the_lines_of_the_documentation_do_what_they_say(
        self, server: Server, tmp_path: Path
    ) -> None:
        text = DOCS.read_text(encoding="utf-8")
        script = text.partition("```bash\n")[2].partition("```")[0]
        assert script.count("curl") >= 8
        script = script.replace("http://127.0.0.1:8080", server.url)
        assert server.url in script
        (tmp_path / "report.txt").write_text("from the documentation")
        key = server.key("acme", "doc")
        ran = shell(script, tmp_path, {"TRACKER_TOKEN": key})
        assert ran.count("HTTP/1.1 201 ") == 4, ran
        assert ran.count("HTTP/1.1 204 ") == 1, ran
        assert "HTTP/1.1 4" not in ran
        assert "from the documentation" in ran

    def test_every_line_of_the_api_reference_works_as_it_stands(
        self, server: Server, tmp_path: Path
    ) -> None:
        (tmp_path / "report.txt").write_text("hello")
        key = server.key("acme", "curl")
        first, second = uploaded(server, key), uploaded(server, key)
        script = f"""
BASE={server.url}; T="Authorization: OAuth $TRACKER_TOKEN"; O='X-Org-ID: acme'
curl -sS -i -X POST "$BASE/v2/attachments/?filename=report.txt" -H "$T" -H "$O" -F file=@report.txt
curl -sS -i -X POST "$BASE/v3/attachments/" -H "$T" -H 'Content-Type: multipart/form-data' -H "$O" \\
     --form 'file=@report.txt'
curl -sS -i -X POST "$BASE/v2/issues/" -H "$T" -H "$O" -H 'Content-Type: application/json' \\
     -d '{{"queue":"CURL","summary":"Test Issue","attachmentIds":[{first}]}}'
curl -sS -i "$BASE/v2/issues/CURL-1/attachments" -H "$T" -H "$O"
curl -sS -i "$BASE/v2/issues/CURL-1/attachments/{first}/report.txt" -H "$T" -H "$O"
curl -sS -i -X POST "$BASE/v2/issues/CURL-1/comments" -H "$T" -H "$O" -H 'Content-Type: application/json' \\
     -d '{{"text":"see file","attachmentIds":["{second}"]}}'
curl -sS -i "$BASE/v2/issues/CURL-1/comments?expand=all" -H "$T" -H "$O"
curl -sS -i -X DELETE "$BASE/v2/issues/CURL-1/attachments/{first}/" -H "$T" -H "$O"
"""
        ran = shell(script, tmp_path, {"TRACKER_TOKEN": key})
        statuses = [int(each) for each in re.findall(r"HTTP/1\.1 ([2-5]\d\d) ", ran)]
        assert statuses == [201, 201, 201, 200, 200, 201, 200, 204], ran


def shell(script: str, directory: Path, env: dict[str, str]) -> str:
    ran = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=directory,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def uploaded(server: Server, key: str) -> str:
    response = requests.post(
        f"{server.url}/v2/attachments/",
        files={"file": ("report.txt", b"hello")},
        headers={"Authorization": f"OAuth {key}", "X-Org-ID": "acme"},
        timeout=30,
    )
    assert response.status_code == 201, response.text
    id: str = response.json()["id"]
    return id

"""The curl lines of the chat service's documentation and of ours, as they would be typed, against a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import requests

from tests.e2e.server import running_server

PAGE = Path(__file__).parent.parent.parent / "docs" / "chat.md"

# Each line writes its answer, head and body, to a file of its own.
SCRIPT = r"""
set -eu
T="Authorization: Bearer $PROTO_TOKEN"
F=Invoice_room_service__Plaza_Hotel
id() { tail -n 1 "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])'; }
curl -s -i $BASE/v1/attachments -H "$T" -F file=@$F.pdf > 1-first
curl -s -i $BASE/v1/attachments -H "$T" -F file=@$F.pdf > 2-second
FIRST=$(id 1-first); ID=$(id 2-second)
curl -s -i -G $BASE/v1/attachments -H "$T" -d conversation_id="xgQQXg3hrtjh7AvZ" -d limit=10 > 3-empty
curl -s -i -G $BASE/v1/attachments -H "$T" -d limit=1 -d starting_after="$ID" > 4-page
curl -s -i $BASE/v1/attachments/$ID -H "$T" > 5-one
curl -s -i -X PUT $BASE/v1/attachments/$ID -H "$T" -d filename="${F}_updated.pdf" > 6-renamed
curl -s -i $BASE/v1/messages -H "$T" -d conversation_id="xgQQXg3hrtjh7AvZ" -d message="see file" \
     -d "attachments[]=$ID" > 7-message
curl -s -i -G $BASE/v1/attachments -H "$T" -d conversation_id="xgQQXg3hrtjh7AvZ" -d limit=10 > 8-list
curl -s -i $BASE/v1/attachments -u "ann:$PROTO_TOKEN" > 9-basic
curl -s -i -X DELETE $BASE/v1/attachments/$ID -H "$T" > 10-deleted
curl -s -i $BASE/v1/attachments/$ID -H "$T" > 11-gone
curl -s -i $BASE/v1/attachments -H "$T" -F file="../$F.pdf" > 12-text
curl -s -i $BASE/v1/attachments -H "Authorization: Bearer {token}" > 13-nobody
"""


def answer(path: Path) -> tuple[int, Any]:
    """(status, JSON or None) of a file that curl -i wrote."""
    head, _, body = path.read_bytes().rpartition(b"\r\n\r\n")
    status = int(head.splitlines()[0].split()[1])
    return status, json.loads(body) if body else None


def test_the_curl_lines_of_the_documentation_do_what_they_say(tmp_path: Path) -> None:
    name, content = "Invoice_room_service__Plaza_Hotel", b"%PDF-1.4\n" + os.urandom(21_343)
    (tmp_path / f"{name}.pdf").write_bytes(content)
    with running_server(tmp_path / "data") as server:
        environment = {**os.environ, "BASE": server.url, "PROTO_TOKEN": server.key()}
        ran = subprocess.run(
            ["bash", "-c", SCRIPT],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr
        page = PAGE.read_text(encoding="utf-8")
        (block,) = re.findall(r"```bash\n(.+?)```", page, re.DOTALL)
        lines = block.replace("BASE=http://127.0.0.1:8080;", "").replace("curl -sS", "curl -sSf")
        (tmp_path / "report.txt").write_bytes(b"hello")
        documented = subprocess.run(
            ["bash", "-euc", lines],
            cwd=tmp_path,
            env={**environment, "CHAT_TOKEN": server.key()},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert documented.returncode == 0, documented.stderr
        assert '"filename":"Report of May.txt"' in documented.stdout
        status, first = answer(tmp_path / "1-first")
        # The link needs no key.
        assert requests.get(first["file_url"], timeout=10).content == content
        url = server.url

    assert status == 201
    assert list(first) == [
        *("id", "message_id", "filename", "file_url", "file_type", "file_size", "created_at")
    ]
    path = f"/assets/attachments/{first['id']}/{name}.pdf"
    assert first | {"created_at": 0} == {
        "id": first["id"],
        "message_id": None,
        "filename": f"{name}.pdf",
        "file_url": url + path,
        "file_type": "application/pdf",
        "file_size": 21352,
        "created_at": 0,
    }
    status, second = answer(tmp_path / "2-second")
    assert (status, second["id"] != first["id"]) == (201, True)
    assert answer(tmp_path / "3-empty") == (200, {"has_more": False, "data": []})
    assert answer(tmp_path / "4-page") == (200, {"has_more": False, "data": [first]})
    assert answer(tmp_path / "5-one") == (200, second)
    status, renamed = answer(tmp_path / "6-renamed")
    assert (status, renamed["filename"]) == (200, f"{name}_updated.pdf")
    assert renamed["file_url"].endswith(f"/{name}_updated.pdf")
    status, message = answer(tmp_path / "7-message")
    assert status == 201
    assert message["attachments"] == [renamed | {"message_id": message["id"]}]
    listed = {"has_more": False, "data": message["attachments"]}
    assert answer(tmp_path / "8-list") == (200, listed)
    status, both = answer(tmp_path / "9-basic")
    assert (status, both["data"]) == (200, [*message["attachments"], first])
    assert answer(tmp_path / "10-deleted") == (204, None)
    for file, expected in (("11-gone", 404), ("12-text", 400), ("13-nobody", 401)):
        status, error = answer(tmp_path / file)
        assert (status, error["type"]) == (expected, "invalid_request")
        assert set(error) == {"type", "message", "documentation_url"}

"""The curl lines of Campr's clients, as they would be typed, against a real server."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import requests

from tests.e2e.server import running_server

# Each line writes its answer, head and body, to a file of its own.
SCRIPT = r"""
set -eu
A="Authorization: Bearer $CAMPR_TOKEN"
curl -s -i -X POST $BASE/attachments -H "$A" -H 'Content-Type: image/png' \
     -H 'Content-Disposition: attachment; filename=profile.png' --data-binary @profile.png > 1-whole
curl -s -i "$BASE/attachments?limit=2" -H "$A" > 2-list
curl -s -I $BASE/attachments -H "$A" > 3-head
D=$(python3 -c 'import hashlib;print(hashlib.sha3_256(open("profile.png","rb").read()).hexdigest())')
curl -s -i $BASE/attachments/$D -H "$A" -H 'Range: bytes=0-9' > 4-range
curl -s -I $BASE/attachments/$D -H "$A" > 5-head
T=$(stat -c %s profile.png); H=$((T/2)); R="Client-Request-ID: up-$$"
tail -c +$((H+1)) profile.png | curl -s -i -X POST $BASE/attachments -H "$A" -H "$R" \
     -H "Content-Range: bytes $H-$((T-1))/$T" --data-binary @- > 6-second-half
head -c $H profile.png | curl -s -i -X POST $BASE/attachments -H "$A" -H "$R" \
     -H "Content-Range: bytes 0-$((H-1))/$T" -H 'Content-Type: image/png' --data-binary @- > 7-first-half
curl -s -i "$BASE/attachments" -H "$A" > 8-list
curl -s -i -X POST $BASE/posts -H "$A" -H 'Content-Type: application/json' -H 'Client-Request-ID: p1' \
     -d "{\"type\":\"https://campr.me/types/status/v1\",\"content\":{\"text\":\"hi\"},\
\"attachments\":[{\"digest\":\"$D\",\"name\":\"renamed.png\"}]}" > 9-post
curl -s -i $BASE/server-info -H "$A" > 10-info
curl -s -i -X DELETE $BASE/attachments/$D -H "$A" > 11-delete
"""


def answer(path: Path) -> tuple[int, dict[str, str], bytes]:
    """(status, headers in lower case, body) of a file that curl -i wrote."""
    head, _, body = path.read_bytes().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    return int(first.split()[1]), headers, body


def test_the_curl_lines_of_the_protocol_do_what_they_say(tmp_path: Path) -> None:
    content = os.urandom(200_001)
    (tmp_path / "profile.png").write_bytes(content)
    digest = hashlib.sha3_256(content).hexdigest()
    with running_server(tmp_path / "data") as server:
        environment = {**os.environ, "BASE": server.url, "CAMPR_TOKEN": server.key()}
        ran = subprocess.run(
            ["bash", "-c", SCRIPT],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr
        post = requests.get(
            answer(tmp_path / "9-post")[1]["location"],
            headers=server.headers(),
            timeout=10,
        ).json()["post"]

    status, headers, body = answer(tmp_path / "1-whole")
    assert status == 200
    assert digest.encode() in body
    assert {"rate-limit-limit", "rate-limit-remaining", "rate-limit-reset", "location"} <= set(
        headers
    )
    assert answer(tmp_path / "2-list")[1]["count"] == "1"
    assert answer(tmp_path / "3-head")[::2] == (200, b"")
    status, headers, body = answer(tmp_path / "4-range")
    assert (status, body, headers["content-range"]) == (
        206,
        content[:10],
        f"bytes 0-9/{len(content)}",
    )
    status, headers, _ = answer(tmp_path / "5-head")
    assert (status, headers["content-length"], headers["etag"]) == (
        200,
        str(len(content)),
        f'"{digest}"',
    )
    assert headers["content-disposition"] == "attachment; filename=profile.png"
    half = len(content) // 2
    status, headers, body = answer(tmp_path / "6-second-half")
    assert (status, headers["range"], body) == (
        202,
        f"bytes {half}-{len(content) - 1}/{len(content)}",
        b"{}",
    )
    status, headers, body = answer(tmp_path / "7-first-half")
    assert (status, "range" in headers, digest.encode() in body) == (200, False, True)
    assert answer(tmp_path / "8-list")[1]["count"] == "1"
    assert answer(tmp_path / "9-post")[0] == 200
    assert [(each["digest"], each["name"]) for each in post["attachments"]] == [
        (digest, "renamed.png")
    ]
    assert answer(tmp_path / "10-info")[0] == 200
    assert answer(tmp_path / "11-delete")[0] == 404

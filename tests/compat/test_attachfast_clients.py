"""attach.fast's documented code, unchanged but for host and key, against a real server."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.compat.node import node
from tests.e2e.server import Server, running_server

HERE = Path(__file__).parent / "attachfast"
PYTHON_SAMPLE = (HERE / "upload_large_file.py.txt").read_text(encoding="utf-8")
GIB = 1024**3


@pytest.fixture(scope="module", name="server")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("compat") / "data") as server:
        yield server


def documented_upload(server: Server) -> Any:
    """The page's Python function. It lacks `import time`; host and nothing else is replaced."""
    names: dict[str, Any] = {"time": time}
    exec(PYTHON_SAMPLE.replace("https://attach.fast", server.url), names)
    return names["upload_large_file"]


def patterned_file(path: Path, size: int) -> str:
    """Random blocks, so that a chunk out of place shows; its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        left = size
        while left:
            block = os.urandom(min(left, 8 * 1024 * 1024))
            file.write(block)
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()


def downloaded_sha256(url: str) -> str:
    digest = hashlib.sha256()
    with requests.get(url, stream=True, timeout=120) as response:
        assert response.status_code == 200
        for block in response.iter_content(1024 * 1024):
            digest.update(block)
    return digest.hexdigest()


def curl(server: Server, *arguments: str) -> tuple[int, Any]:
    """(status, JSON) of a documented curl line, with the host replaced."""
    ran = subprocess.run(
        ["curl", "-s", "-S", "-w", "\n%{http_code}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    body, _, status = ran.stdout.rpartition("\n")
    return int(status), json.loads(body) if body else None


def test_the_documented_python_function_uploads_a_gibibyte_and_memory_stays_flat(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    big = tmp_path / "holiday.mp4"
    sha256 = patterned_file(big, GIB)
    requests.get(f"{server.url}/api/files", headers=server.headers(), timeout=10)
    idle = server.rss()

    result = documented_upload(server)(str(big), server.key())

    peak = server.peak_rss()
    assert result["status"] == "complete"
    assert "Upload completed!" in capsys.readouterr().out
    files = requests.get(f"{server.url}/api/files", headers=server.headers(), timeout=10).json()[
        "files"
    ]
    (file,) = [each for each in files if each["filename"] == "holiday.mp4"]
    assert (file["file_size"], file["token"], file["content_type"]) == (
        GIB,
        "uploads/holiday.mp4",
        "video/mp4",
    )
    assert downloaded_sha256(file["url"]) == sha256
    assert peak - idle <= 40 * 1024**2, f"idle {idle >> 20} MiB, peak {peak >> 20} MiB"


def test_the_documented_javascript_functions_work_under_node(
    server: Server, tmp_path: Path
) -> None:
    big, small = tmp_path / "movie.mp4", tmp_path / "face.png"
    sha256 = patterned_file(big, 12 * 1024 * 1024)
    patterned_file(small, 3000)
    key = server.key("site-js", "page")
    ran = subprocess.run(
        [node(), str(HERE / "drive.mjs"), server.url, key, str(big), str(small)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["large"] == {"message": "File upload completed successfully", "status": "complete"}
    assert told["uploaded"]["token"] == "users/avatars/user_1.png"
    assert told["child"]["path"] == ["users", "avatars"]
    assert told["clash"] == "Name has already been taken"
    assert {file["filename"] for file in told["listed"]["files"]} == {"movie.mp4", "user_1.png"}
    assert [(each["name"], len(each["children"])) for each in told["tree"]] == [
        ("users", 1),
        ("videos", 1),
    ]
    (movie,) = [file for file in told["listed"]["files"] if file["filename"] == "movie.mp4"]
    assert downloaded_sha256(movie["download_url"]) == sha256


def test_every_documented_curl_line_works(server: Server, tmp_path: Path) -> None:
    auth = ("-H", f"Authorization: Bearer {server.key('site-curl', 'shell')}")
    image, document = tmp_path / "image.png", tmp_path / "document.pdf"
    image.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))
    document.write_bytes(b"%PDF-1.7\n")

    status, file = curl(
        server,
        "-X",
        "POST",
        f"{server.url}/api/files",
        *auth,
        "-F",
        f"file=@{image}",
        "-F",
        "folder=users/avatars/user_1",
    )
    assert (status, file["token"]) == (201, "users/avatars/user_1.png")
    status, root = curl(
        server, "-X", "POST", f"{server.url}/api/files", *auth, "-F", f"file=@{document}"
    )
    assert (status, root["folder"], root["token"]) == (201, None, "document.pdf")
    status, listed = curl(server, "-X", "GET", f"{server.url}/api/files?page=1&per_page=20", *auth)
    assert (status, [each["id"] for each in listed["files"]]) == (200, [root["id"], file["id"]])
    status, shown = curl(server, "-X", "GET", f"{server.url}/api/files/{file['id']}", *auth)
    assert (status, shown) == (200, file)
    body = '{\n    "site_folder": {\n      "name": "new-folder",\n      "parent_id": %d\n    }\n  }'
    status, folder = curl(
        server,
        *("-X", "POST", f"{server.url}/api/folders", *auth, "-H", "Content-Type: application/json"),
        *("-d", body % file["folder"]["id"]),
    )
    assert (status, folder["path"]) == (201, ["users", "avatars", "new-folder"])
    status, tree = curl(server, "-X", "GET", f"{server.url}/api/folders/tree", *auth)
    assert (status, tree["tree"][0]["children"][0]["children"][0]["id"]) == (200, folder["id"])
    status, roots = curl(server, "-X", "GET", f"{server.url}/api/folders?root=true", *auth)
    assert (status, [each["name"] for each in roots["folders"]]) == (200, ["users"])
    status, patched = curl(
        server,
        *(
            "-X",
            "PATCH",
            f"{server.url}/api/files/{root['id']}",
            *auth,
            "-H",
            "Content-Type: application/json",
        ),
        *("-d", '{"site_file":{"token":"new-filename.png"}}'),
    )
    assert (status, patched["token"]) == (200, "new-filename.png")
    assert curl(server, "-X", "DELETE", f"{server.url}/api/files/{file['id']}", *auth) == (
        204,
        None,
    )
    assert curl(server, f"{server.url}/api/files") == (401, {"errors": ["Authorization required"]})
    wrong = ("-H", "Authorization: Bearer nope")
    assert curl(server, f"{server.url}/api/files", *wrong) == (401, {"errors": ["Invalid API key"]})


def test_chunks_cut_with_split_and_sent_with_curl_become_the_file(
    server: Server, tmp_path: Path
) -> None:
    auth = ("-H", f"Authorization: Bearer {server.key('site-split', 'shell')}")
    big = tmp_path / "big.mp4"
    sha256 = patterned_file(big, 11 * 1024 * 1024 + 17)
    subprocess.run(
        ["split", "-b", "5242880", "-d", "--numeric-suffixes=1", str(big), str(tmp_path / "c_")],
        check=True,
        timeout=30,
    )
    answers = [
        curl(
            server,
            *(
                "-X",
                "POST",
                f"{server.url}/api/large_files",
                *auth,
                "-F",
                f"file=@{piece}",
                "-F",
                f"chunk={number}",
            ),
            *(
                "-F",
                f"total_size={big.stat().st_size}",
                "-F",
                "key=my_video_2025.mp4",
                "-F",
                "folder=videos/uploads",
            ),
        )
        for number, piece in enumerate(sorted(tmp_path.glob("c_*")), 1)
    ]
    assert [status for status, _ in answers] == [202, 202, 201]
    assert answers[1][1]["received_size"] == 2 * 5242880
    _, listed = curl(server, f"{server.url}/api/files", *auth)
    (file,) = listed["files"]
    assert (file["token"], file["folder"]["name"]) == (
        "videos/uploads/my_video_2025.mp4",
        "uploads",
    )
    assert downloaded_sha256(file["url"]) == sha256

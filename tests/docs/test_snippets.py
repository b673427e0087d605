"""What the pages show is run as it stands, against a real server."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compat.node import node
from tests.e2e.server import Server, running_server
from tests.engines.seaweed import s3_url
from tests.pictures import picture

FILM = bytes(range(256)) * 1000

DOCS = Path(__file__).parent.parent.parent / "docs"


def snippets(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page} has nothing in {language}"
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("served") / "data") as server:
        yield server


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    base = f"{server.url}/coatcheck/v1/"
    with httpx.Client(base_url=base, headers=server.headers(), timeout=30) as client:
        yield client


def run(command: list[str], cwd: Path, **environment: str) -> str:
    ran = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_curl_lines_of_the_native_api_run(server: Server, tmp_path: Path):
    content = picture("png")
    (tmp_path / "cat.png").write_bytes(content)
    (script,) = snippets("native.md", "bash")
    script = script.replace("http://127.0.0.1:8080", server.url)
    said = run(["bash", "-euc", script], tmp_path, COATCHECK_TOKEN=server.key(user="carl"))
    assert (tmp_path / "copy.png").read_bytes() == content
    assert '"name":"cover.png"' in said
    assert '"bytes":{"used":0,' in said


@pytest.fixture(scope="module")
def on_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    env = {"COATCHECK_BLOBS_URL": s3_url("snippets")}
    with running_server(tmp_path_factory.mktemp("s3") / "data", env=env) as server:
        yield server


@pytest.fixture(params=["server", "on_s3"])
def either(request: pytest.FixtureRequest) -> Server:
    """With its bytes in a folder, and in S3."""
    found: Server = request.getfixturevalue(request.param)
    return found


def content_of(server: Server, id: int) -> bytes:
    url = f"{server.url}/coatcheck/v1/attachments/{id}/content"
    return httpx.get(url, headers=server.headers(), timeout=30).content


def test_the_curl_lines_of_the_native_api_run_where_bytes_are_in_s3(on_s3: Server, tmp_path: Path):
    test_the_curl_lines_of_the_native_api_run(on_s3, tmp_path)


def test_a_large_file_is_left_in_parts_in_python(either: Server, tmp_path: Path):
    names: dict[str, Any] = {"COATCHECK": f"{either.url}/coatcheck/v1", "TOKEN": either.key()}
    (snippet,) = snippets("native.md", "python")
    exec(compile(snippet, "native.md", "exec"), names)
    (tmp_path / "film.mp4").write_bytes(FILM)
    with names["coatcheck"]:
        assert content_of(either, names["leave_large"](tmp_path / "film.mp4")) == FILM


def test_a_large_file_is_left_in_parts_in_javascript(either: Server, tmp_path: Path):
    constants = f'const COATCHECK = "{either.url}/coatcheck/v1";\nconst TOKEN = "{either.key()}";\n'
    (snippet,) = snippets("native.md", "javascript")
    use = """
const file = new File([new Uint8Array(200000).fill(7)], "film.mp4", { type: "video/mp4" });
console.log(await leaveLarge(file));
"""
    module = tmp_path / "page.mjs"
    module.write_text(constants + snippet + use, encoding="utf-8")
    id = int(run([node(), str(module)], tmp_path))
    assert content_of(either, id) == b"\7" * 200_000


def test_a_file_left_by_the_page_is_claimed_by_a_back_end_in_javascript(
    server: Server, api: httpx.Client, tmp_path: Path
):
    constants = f'const COATCHECK = "{server.url}/coatcheck/v1";\nconst TOKEN = "{server.key()}";\n'
    use = """
const ids = [await leave(new File(["hello"], "grüße.txt", { type: "text/plain" }))];
const key = "again";
ids.push(await leave(new File(["x"], "x"), key));
if (ids[1] !== (await leave(new File(["x"], "x"), key))) throw new Error("left twice");
await saveAttachments(1, ids);
const refused = await saveAttachments(1, [999999]).then(() => null, (error) => error.message);
if (!refused.includes("not_found")) throw new Error(refused);
"""
    module = tmp_path / "page.mjs"
    snippet = "\n".join(snippets("attach-it-to-your-application.md", "javascript"))
    module.write_text(constants + snippet + use, encoding="utf-8")
    run([node(), str(module)], tmp_path)
    held: list[dict[str, Any]] = api.get("claims/post/1").json()["attachments"]
    assert [each["name"] for each in held] == ["grüße.txt", "x"]
    assert api.get(held[0]["url"]).content == b"hello"


def test_a_back_end_in_python_saves_shows_and_deletes(server: Server, api: httpx.Client):
    names: dict[str, Any] = {"COATCHECK": f"{server.url}/coatcheck/v1", "TOKEN": server.key()}
    (snippet,) = snippets("attach-it-to-your-application.md", "python")
    exec(compile(snippet, "attach-it-to-your-application.md", "exec"), names)
    with names["coatcheck"]:
        first, second = (api.post("attachments", content=b"%d" % n).json()["id"] for n in range(2))
        assert names["attachments_of"](2) == []
        names["save_attachments"](2, [first])
        names["save_attachments"](2, [second])
        assert [each["id"] for each in names["attachments_of"](2)] == [second]
        assert api.get(f"attachments/{first}").json()["state"] == "detached"
        with pytest.raises(ValueError, match="not_found"):
            names["save_attachments"](2, [second, 999999])
        names["post_is_deleted"](2)
        assert names["attachments_of"](2) == []
        assert api.get(f"attachments/{second}").status_code == 404


def test_the_curl_lines_of_an_application_run(server: Server, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("my notes", encoding="utf-8")
    (script,) = snippets("attach-it-to-your-application.md", "bash")
    base = f"{server.url}/coatcheck/v1"
    said = run(["bash", "-euc", script], tmp_path, COATCHECK=base, TOKEN=server.key())
    assert said.endswith("my notes")


def test_the_command_that_makes_a_key_is_one(server: Server):
    (line,) = snippets("attach-it-to-your-application.md", "sh")
    key = server.run(*line.split()[1:])
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.get(f"{server.url}/coatcheck/v1/usage", headers=headers, timeout=30)
    assert answer.status_code == 200

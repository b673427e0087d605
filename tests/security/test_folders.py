"""The tree of folders: paths that lead out of it, into themselves or nowhere, and very many of them.

That two moves which would close a circle do not both happen, that a folder is not deleted under an upload, and that of
uploads under one name each has a token of its own, is proved by the races of `tests/race` and the dialect's own tests.
"""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.security.aftermath import unharmed
from tests.security.asking import Asker, fresh
from tests.security.harness import Kind, Site
from tests.security.requests import part
from tests.security.wire import Answer

_numbers = itertools.count()


def unused(stem: str = "f") -> str:
    return f"{stem}{time.time_ns()}-{next(_numbers)}"


def made(ann: Asker, name: str, parent: int | None = None) -> int:
    answer = created(ann, {"name": name, "parent_id": parent})
    assert answer.status == 201, answer
    number: int = answer.json()["id"]
    return number


def created(ann: Asker, folder: Any) -> Answer:
    return ann.ask("POST", "/api/folders", json={"site_folder": folder})


def moved(ann: Asker, folder: int, **change: Any) -> Answer:
    return ann.ask("PATCH", f"/api/folders/{folder}", json={"site_folder": change})


def cleared(ann: Asker) -> None:
    """Every folder, the deepest first."""
    while folders := ann.get("/api/folders?per_page=100").json()["folders"]:
        for folder in sorted(folders, key=lambda each: -len(each["path"])):
            ann.ask("DELETE", f"/api/folders/{folder['id']}")


@pytest.fixture
def ann(sites: dict[Kind, Site]) -> Asker:
    """Of the one server: nothing here depends on how a request came in."""
    return Asker(sites["granian"], "eve")


#: What a client may say of where a file goes, and the steps that it stands for; None is refused.
PATHS: tuple[tuple[str, tuple[str, ...] | None], ...] = (
    ("../../x", None),
    ("a/..", None),
    ("a/../b", None),
    ("a\\..\\b", None),
    ("a/\x00/b", None),
    ("a/\x1b/b", None),
    ("/".join(f"d{level}" for level in range(34)) + "/", None),
    ("/".join("d" * 200) + "/", None),
    ("x" * 1000 + "/y", None),
    ("a/ /b", None),
    ("a/.../b", None),
    ("a//b", ("a", "b.bin")),
    ("/abs", ("abs.bin",)),
    ("a/./b", ("a", "b.bin")),
    ("a /b ", ("a", "b.bin")),
    ("a./b", ("a.", "b.bin")),
    ("/".join(f"d{level}" for level in range(32)) + "/", (*(f"d{n}" for n in range(32)), "a.bin")),
)


def test_a_path_is_steps_down_the_tree_or_refused(ann: Asker) -> None:
    with unharmed(ann.site):
        for path, steps in PATHS:
            folder = part(path.encode(), b"folder", None)
            answer = ann.sent("/api/files", folder, part(fresh(), filename=b"a.bin"))
            if steps is None:
                assert answer.status in (400, 422), (path, answer)
            else:
                assert answer.status == 201, (path, answer)
                assert answer.json()["token"] == "/".join(steps)
                ann.deleted(answer.json()["id"])
                cleared(ann)


NO_NAMES: tuple[Any, ...] = (
    *("a/b", "a\\b", "", " ", "..", ".", "a\x00", "x" * 256, "\ud800"),
    *(None, 5, 1.5, True, [], {}, ["a"]),
)
NO_PARENTS: tuple[Any, ...] = ("x", -1, 0, 2**63, 10**30, 1.5, [], {})
FOLDERS: tuple[Any, ...] = (
    *({"name": name} for name in NO_NAMES),
    *({"name": "a", "parent_id": parent} for parent in NO_PARENTS),
    *({}, [], None, "text", 7),
)


def test_a_folder_that_is_none_is_refused(ann: Asker) -> None:
    with unharmed(ann.site):
        for folder in FOLDERS:
            answer = created(ann, folder)
            assert answer.status in (400, 422), (folder, answer)
        assert ann.get("/api/folders").json()["folders"] == []


def test_without_its_envelope_there_is_no_folder(ann: Asker) -> None:
    with unharmed(ann.site):
        bodies: tuple[Any, ...] = ({"name": "a"}, {}, [], "text", {"folder": {"name": "a"}})
        for body in bodies:
            answer = ann.ask("POST", "/api/folders", json=body)
            assert answer.status in (400, 422), answer


def test_a_folder_is_never_within_itself(ann: Asker) -> None:
    with unharmed(ann.site):
        top = made(ann, unused())
        middle = made(ann, unused(), top)
        bottom = made(ann, unused(), middle)
        for inner in (top, middle, bottom):
            assert moved(ann, top, parent_id=inner).status == 422
        tree = ann.get("/api/folders/tree")
        assert tree.status == 200
        assert tree.json()["tree"][0]["children"][0]["children"][0]["id"] == bottom
        cleared(ann)


def test_two_moves_that_would_close_a_circle_do_not_both_happen(ann: Asker) -> None:
    with unharmed(ann.site):
        for _ in range(10):
            one, other = made(ann, unused()), made(ann, unused())
            with ThreadPoolExecutor(2) as threads:
                statuses = list(
                    threads.map(
                        lambda pair: moved(ann, pair[0], parent_id=pair[1]).status,
                        [(one, other), (other, one)],
                    )
                )
            assert sorted(statuses) == [200, 422]
            assert ann.get("/api/folders/tree").status == 200
            cleared(ann)


def test_a_folder_is_not_deleted_from_under_an_upload(ann: Asker) -> None:
    with unharmed(ann.site):
        for _ in range(10):
            name = unused()
            folder = made(ann, name)
            with ThreadPoolExecutor(1) as thread:
                leaving = thread.submit(
                    ann.sent,
                    "/api/files",
                    part(f"{name}/x".encode(), b"folder", None),
                    part(fresh(), filename=b"a.bin"),
                )
                gone = ann.ask("DELETE", f"/api/folders/{folder}")
                left = leaving.result()
            assert left.status == 201, left
            assert gone.status in (204, 404, 422), gone
            # Whichever came first, the file is in a folder that is there.
            home = left.json()["folder"]
            assert ann.get(f"/api/folders/{home['id']}").status == 200
            ann.deleted(left.json()["id"])
            cleared(ann)


def test_thirty_two_uploads_of_one_name_have_thirty_two_tokens(ann: Asker) -> None:
    with unharmed(ann.site):
        name = unused("same") + ".bin"
        with ThreadPoolExecutor(32) as threads:
            files = list(threads.map(lambda _: ann.filed(fresh(), name), range(32)))
        assert len({file["token"] for file in files}) == 32
        for file in files:
            ann.deleted(file["id"])


def _grown(ann: Asker, folders: int, depth: int) -> None:
    """Chains of folders to the very depth, and the tree of all of them, which is one question and one answer."""
    with unharmed(ann.site):
        count, bottom = 0, 0
        while count < folders:
            parent: int | None = None
            for _ in range(depth):
                parent = bottom = made(ann, unused(), parent)
            count += depth
        assert moved(ann, bottom, parent_id=None).status == 200
        began = time.monotonic()
        tree = ann.get("/api/folders/tree")
        took = time.monotonic() - began
        assert tree.status == 200
        assert tree.body.count(b'"children"') == count
        assert took < 1 + count / 5000, f"{took:.2f} s for {count} folders"
        cleared(ann)


def test_a_deep_tree_is_told_whole(ann: Asker) -> None:
    _grown(ann, 96, 32)


@pytest.mark.thorough
def test_a_large_one_too(ann: Asker) -> None:
    _grown(ann, 10_000, 32)

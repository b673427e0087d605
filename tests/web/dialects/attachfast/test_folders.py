from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from tests.books import assert_books_balance
from tests.kit import Installation
from tests.web.dialects.attachfast.asks import errors, files, folder, uploaded

FOLDER_KEYS = "id name parent_id parent children_count files_count path created_at updated_at"
DETAIL_KEYS = (
    "id name parent_id parent children_count files_count path children files created_at updated_at"
)
CYCLE = "Parent You cannot add an ancestor as a descendant"
TAKEN = "Name has already been taken"


async def create(site: httpx.AsyncClient, body: object) -> httpx.Response:
    return await site.post("/api/folders", json={"site_folder": body})


async def change(site: httpx.AsyncClient, id: int, body: object) -> httpx.Response:
    return await site.patch(f"/api/folders/{id}", json={"site_folder": body})


async def names(site: httpx.AsyncClient, query: str = "") -> list[str]:
    answer = await site.get(f"/api/folders?per_page=100&{query}")
    assert answer.status_code == 200
    return [each["name"] for each in answer.json()["folders"]]


async def test_a_root_folder_is_shown_whole_and_says_where_it_is(site: httpx.AsyncClient) -> None:
    answer = await create(site, {"name": "users"})
    assert answer.status_code == 201
    assert answer.headers["location"] == "/api/folders/1"
    made = answer.json()
    assert list(made) == FOLDER_KEYS.split()
    assert made == {
        "id": 1,
        "name": "users",
        "parent_id": None,
        "parent": None,
        "children_count": 0,
        "files_count": 0,
        "path": ["users"],
        "created_at": "2025-06-15T15:06:40Z",
        "updated_at": "2025-06-15T15:06:40Z",
    }
    assert (await site.get("/api/folders")).json()["folders"] == [made]


async def test_a_folder_within_another_knows_its_parent_and_path(site: httpx.AsyncClient) -> None:
    users = await folder(site, "users")
    avatars = await folder(site, "avatars", users["id"])
    assert avatars["parent_id"] == users["id"]
    assert avatars["parent"] == {"id": users["id"], "name": "users"}
    assert avatars["path"] == ["users", "avatars"]


async def test_one_folder_shows_what_is_directly_in_it(site: httpx.AsyncClient) -> None:
    users = await folder(site, "users")
    for name in ("b", "a"):
        await folder(site, name, users["id"])
    await uploaded(site, folder="users/a/deep")
    file = await uploaded(site, folder="users/pic")

    detail = (await site.get(f"/api/folders/{users['id']}")).json()

    assert list(detail) == DETAIL_KEYS.split()
    assert (detail["children_count"], detail["files_count"]) == (2, 1)
    child = {"parent_id": users["id"], "children_count": 0}
    assert detail["children"] == [
        {"id": 3, "name": "a", **child, "files_count": 1},
        {"id": 2, "name": "b", **child, "files_count": 0},
    ]
    assert list(detail["children"][0]) == "id name parent_id children_count files_count".split()
    assert detail["files"] == [{"id": file["id"], "token": "users/pic.png", "filename": "pic.png"}]


@pytest.mark.parametrize("name", [None, "", "  ", "\n"])
async def test_a_folder_has_to_have_a_name(site: httpx.AsyncClient, name: object) -> None:
    assert errors(await create(site, {"name": name})) == (422, ["Name can't be blank"])
    assert errors(await create(site, {"parent_id": None})) == (422, ["Name can't be blank"])
    made = await folder(site, "a")
    assert errors(await change(site, made["id"], {"name": name})) == (422, ["Name can't be blank"])


@pytest.mark.parametrize(
    "name",
    [
        "a/b",
        "/",
        "a\\b",
        ".",
        "..",
        "...",
        "a\x01b",
        "a\tb",
        "\x7f",
        "\u202e",
        "x" * 256,
        5,
        [],
        {},
        True,
    ],
)
async def test_a_name_that_cannot_be_is_refused(site: httpx.AsyncClient, name: object) -> None:
    assert errors(await create(site, {"name": name})) == (422, ["Name is invalid"])
    made = await folder(site, "a")
    assert errors(await change(site, made["id"], {"name": name})) == (422, ["Name is invalid"])
    assert await names(site) == ["a"]


@pytest.mark.parametrize("name", ["a.b", " trimmed ", "e\u0301", "снимки", "x" * 255, "a b"])
async def test_other_names_are_kept_clean(site: httpx.AsyncClient, name: str) -> None:
    made = await folder(site, name)
    assert made["name"] == name.strip().replace("e\u0301", "\u00e9")


async def test_siblings_have_different_names(site: httpx.AsyncClient) -> None:
    a, b = await folder(site, "a"), await folder(site, "b")
    assert errors(await create(site, {"name": "a"})) == (422, [TAKEN])
    inner = await folder(site, "b", a["id"])
    await folder(site, "A")
    assert errors(await change(site, a["id"], {"name": "b"})) == (422, [TAKEN])
    assert errors(await change(site, inner["id"], {"parent_id": None})) == (422, [TAKEN])
    assert errors(await change(site, b["id"], {"parent_id": a["id"]})) == (422, [TAKEN])
    assert (await change(site, a["id"], {"name": "a"})).status_code == 200


async def test_a_folder_may_move_and_be_renamed_in_one_step(
    site: httpx.AsyncClient, house: Installation
) -> None:
    """Its old name is taken where it goes, and its new one where it was."""
    a, x, _ = await folder(site, "a"), await folder(site, "x"), await folder(site, "y")
    await folder(site, "x", a["id"])
    answer = await change(site, x["id"], {"name": "y", "parent_id": a["id"]})
    assert (answer.status_code, answer.json()["path"]) == (200, ["a", "y"])
    assert_books_balance(house, settled=True)


NO_PARENT = "Parent must exist"


@pytest.mark.parametrize("parent_id", [99, 0, -1, "abc", "1.0", 1.5, True, [], {}, 2**62])
async def test_a_parent_has_to_exist(site: httpx.AsyncClient, parent_id: object) -> None:
    made = await folder(site, "a")
    body = {"name": "b", "parent_id": parent_id}
    assert errors(await create(site, body)) == (422, [NO_PARENT])
    assert errors(await change(site, made["id"], body)) == (422, [NO_PARENT])
    assert await names(site) == ["a"]


async def test_a_parent_may_be_given_as_its_digits(site: httpx.AsyncClient) -> None:
    a = await folder(site, "a")
    assert (await create(site, {"name": "b", "parent_id": str(a["id"])})).json()["parent_id"] == 1
    assert (await create(site, {"name": "c", "parent_id": ""})).json()["parent_id"] is None


async def test_all_that_is_wrong_is_told_at_once(site: httpx.AsyncClient) -> None:
    for parent_id in (99, "abc"):
        answer = await create(site, {"name": "", "parent_id": parent_id})
        assert errors(answer) == (422, ["Name can't be blank", NO_PARENT])
    made = await folder(site, "a")
    answer = await change(site, made["id"], {"name": "a/b", "parent_id": 99})
    assert errors(answer) == (422, ["Name is invalid", NO_PARENT])
    answer = await create(site, {"name": "", "parent_id": made["id"]})
    assert errors(answer) == (422, ["Name can't be blank"])


@pytest.mark.parametrize("body", [{}, {"site_folder": {}}, {"site_folder": []}, {"name": "a"}])
async def test_a_missing_root_key_is_named(site: httpx.AsyncClient, body: object) -> None:
    message = "param is missing or the value is empty: site_folder"
    assert errors(await site.post("/api/folders", json=body)) == (400, [message])


async def test_what_is_left_out_stays_as_it_is(
    site: httpx.AsyncClient, house: Installation
) -> None:
    a, b = await folder(site, "a"), await folder(site, "b")
    c = await folder(site, "c", a["id"])
    house.clock.advance(seconds=61)
    renamed = (await change(site, c["id"], {"name": "d"})).json()
    assert (renamed["path"], renamed["parent_id"]) == (["a", "d"], a["id"])
    assert renamed["updated_at"] == "2025-06-15T15:07:41Z"
    assert renamed["created_at"] == c["created_at"]
    moved = (await change(site, c["id"], {"parent_id": b["id"]})).json()
    assert (moved["path"], moved["parent"]) == (["b", "d"], {"id": b["id"], "name": "b"})
    root = (await change(site, c["id"], {"parent_id": None})).json()
    assert (root["path"], root["parent_id"], root["parent"]) == (["d"], None, None)
    same = await change(site, c["id"], {"children_count": 5})
    assert (same.status_code, same.json()) == (200, root)


async def test_a_folder_cannot_move_into_itself_or_below(
    site: httpx.AsyncClient, house: Installation
) -> None:
    a = await folder(site, "a")
    b = await folder(site, "b", a["id"])
    c = await folder(site, "c", b["id"])
    for target in (a, b, c):
        assert errors(await change(site, a["id"], {"parent_id": target["id"]})) == (422, [CYCLE])
    assert (await change(site, c["id"], {"parent_id": a["id"]})).status_code == 200
    assert_books_balance(house, settled=True)


async def test_files_keep_their_tokens_when_their_folder_moves(site: httpx.AsyncClient) -> None:
    file = await uploaded(site, folder="users/avatars/pic")
    avatars = file["folder"]["id"]
    await change(site, avatars, {"name": "faces", "parent_id": None})
    moved = (await site.get(f"/api/files/{file['id']}")).json()
    assert (moved["token"], moved["folder"]["name"]) == (file["token"], "faces")
    detail = (await site.get(f"/api/folders/{avatars}")).json()
    assert (detail["path"], detail["files_count"]) == (["faces"], 1)


async def test_a_tree_is_at_most_32_levels_deep(
    site: httpx.AsyncClient, house: Installation
) -> None:
    parent: int | None = None
    for number in range(32):
        parent = (await folder(site, f"{number}", parent))["id"]
    too_deep = (422, ["Parent is nested too deeply"])
    assert errors(await create(site, {"name": "x", "parent_id": parent})) == too_deep
    a = await folder(site, "a")
    await folder(site, "b", a["id"])
    assert errors(await change(site, a["id"], {"parent_id": 31})) == too_deep
    assert (await change(site, a["id"], {"parent_id": 30})).status_code == 200
    assert_books_balance(house, settled=True)


async def test_folders_are_listed_by_name(site: httpx.AsyncClient) -> None:
    a = await folder(site, "a")
    for name in ("c", "b"):
        await folder(site, name)
    for name in ("z", "y"):
        await folder(site, name, a["id"])
    assert await names(site) == ["a", "b", "c", "y", "z"]
    for yes in ("true", "1", "True"):
        assert await names(site, f"root={yes}") == ["a", "b", "c"]
    for no in ("false", "0", "", "x"):
        assert await names(site, f"root={no}") == ["a", "b", "c", "y", "z"]
    assert await names(site, f"parent_id={a['id']}") == ["y", "z"]
    assert await names(site, f"parent_id={a['id']}&root=true") == ["y", "z"]
    assert await names(site, "parent_id=") == ["a", "b", "c", "y", "z"]
    for unknown in ("99", "abc", "-1", "0", "9" * 5000, "%00", "1_0"):
        assert await names(site, f"parent_id={unknown}") == []
    page = (await site.get("/api/folders?page=2&per_page=2")).json()
    assert [each["name"] for each in page["folders"]] == ["c", "y"]
    assert page["pagination"] == {"page": 2, "per_page": 2, "total_count": 5, "total_pages": 3}
    assert (await site.get("/api/folders")).json()["pagination"]["per_page"] == 10


async def test_the_tree_is_ordered_by_name_and_counts_what_is_directly_there(
    site: httpx.AsyncClient,
) -> None:
    assert (await site.get("/api/folders/tree")).json() == {"tree": []}
    for path in ("users/avatars/1", "users/avatars/2", "users/3", "documents/4", "users/zoo/5/6"):
        await uploaded(site, folder=path)
    await folder(site, "empty")
    tree = (await site.get("/api/folders/tree")).json()["tree"]

    def shape(node: dict[str, Any]) -> object:
        assert list(node) == ["id", "name", "files_count", "children"]
        return (node["name"], node["files_count"], [shape(each) for each in node["children"]])

    assert [shape(node) for node in tree] == [
        ("documents", 1, []),
        ("empty", 0, []),
        ("users", 1, [("avatars", 2, []), ("zoo", 0, [("5", 1, [])])]),
    ]


async def test_the_tree_of_10_000_folders_takes_one_query_and_a_second(
    site: httpx.AsyncClient, house: Installation
) -> None:
    async with house.services.transactions.write() as facts:
        parents: list[int | None] = [None]
        for level in range(32):
            count = 320 if level else 80
            parents = [
                await facts.folders.add(1, parents[n % len(parents)], f"{level}-{n}", 0)
                for n in range(count // 2)
            ]
    queries: list[str] = []
    engine = house.services.transactions._engine.sync_engine  # type: ignore[attr-defined]
    event.listen(engine, "before_cursor_execute", lambda *args: queries.append(args[2]))
    began = time.perf_counter()
    tree = (await site.get("/api/folders/tree")).json()["tree"]
    took = time.perf_counter() - began
    selects = [each for each in queries if "folders" in each]
    assert len(selects) == 1
    count, stack = 0, list(tree)
    while stack:
        node = stack.pop()
        count += 1
        stack += node["children"]
    assert count == 40 + 31 * 160
    assert took < 3


async def test_only_an_empty_folder_can_be_deleted(
    site: httpx.AsyncClient, house: Installation
) -> None:
    file = await uploaded(site, folder="a/b/pic")
    other = await uploaded(site, folder="a/pic")
    a, b = 1, 2
    subfolders = (422, ["Cannot delete folder with subfolders"])
    holds_files = (422, ["Cannot delete folder containing files"])
    assert errors(await site.delete(f"/api/folders/{a}")) == subfolders
    assert errors(await site.delete(f"/api/folders/{b}")) == holds_files
    await site.delete(f"/api/files/{file['id']}")
    answer = await site.delete(f"/api/folders/{b}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert errors(await site.delete(f"/api/folders/{a}")) == holds_files
    await site.delete(f"/api/files/{other['id']}")
    assert (await site.delete(f"/api/folders/{a}")).status_code == 204
    assert errors(await site.delete(f"/api/folders/{a}")) == (404, ["Record not found"])
    assert errors(await site.get(f"/api/folders/{a}")) == (404, ["Record not found"])
    assert await names(site) == []
    assert await files(site) == []
    assert_books_balance(house, settled=True)


async def test_a_deleted_folder_comes_back_with_the_next_upload(site: httpx.AsyncClient) -> None:
    file = await uploaded(site, folder="a/pic")
    await site.delete(f"/api/files/{file['id']}")
    await site.delete(f"/api/folders/{file['folder']['id']}")
    again = await uploaded(site, folder="a/pic")
    assert again["folder"]["id"] != file["folder"]["id"]

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from coatcheck.domain.digest import SHA3_256
from coatcheck.services.commands import Deposit, Description
from coatcheck.testing.bodies import Whole
from tests.books import assert_books_balance
from tests.kit import Installation, installation
from tests.web.dialects.attachfast.asks import (
    PNG,
    errors,
    files,
    folder,
    principal,
    upload,
    uploaded,
)
from tests.web.raw import raw

FILE_KEYS = "id token filename content_type file_size url download_url folder created_at updated_at"


async def test_a_new_file_is_shown_whole_and_says_where_it_is(site: httpx.AsyncClient) -> None:
    answer = await upload(site, folder="users/avatar")

    assert answer.status_code == 201
    file = answer.json()
    assert list(file) == FILE_KEYS.split()
    link = file["url"]
    assert link.startswith("http://coatcheck.test/f/")
    assert link.endswith("/avatar.png")
    assert file == {
        "id": 1,
        "token": "users/avatar.png",
        "filename": "avatar.png",
        "content_type": "image/png",
        "file_size": len(PNG),
        "url": link,
        "download_url": f"{link}?download=1",
        "folder": {"id": 1, "name": "users"},
        "created_at": "2025-06-15T15:06:40Z",
        "updated_at": "2025-06-15T15:06:40Z",
    }
    assert answer.headers["location"] == "/api/files/1"
    assert (await site.get("/api/files/1")).json() == file
    assert (await site.get("/api/files")).json()["files"] == [file]


async def test_an_empty_file_is_a_file(site: httpx.AsyncClient) -> None:
    file = await uploaded(site, "empty.txt", b"")
    assert file["file_size"] == 0
    answer = await site.get(file["url"])
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("size", [1000, 1001, 3 * 1024 * 1024 + 7])
async def test_the_bytes_come_back_as_they_went(site: httpx.AsyncClient, size: int) -> None:
    content = bytes(number * number % 251 for number in range(size))
    file = await uploaded(site, "x.bin", content)
    assert file["file_size"] == size
    assert (await site.get(file["url"])).content == content


async def test_the_folder_may_come_before_or_after_the_file(site: httpx.AsyncClient) -> None:
    for number, order in enumerate((["folder", "file"], ["file", "folder"])):
        fields: dict[str, Any] = {"file": ("pic.png", PNG), "folder": (None, f"a/{number}")}
        answer = await site.post("/api/files", files=[(name, fields[name]) for name in order])
        assert answer.json()["token"] == f"a/{number}.png"


async def test_files_are_listed_newest_first_and_by_id_within_a_moment(
    site: httpx.AsyncClient, house: Installation
) -> None:
    for number in range(3):
        await uploaded(site, folder=f"{number}")
        house.clock.advance(seconds=number)
    assert [each["id"] for each in await files(site)] == [3, 2, 1]


@pytest.mark.parametrize(
    ("query", "page", "per_page", "ids"),
    [
        ("", 1, 10, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]),
        ("page=2", 2, 10, [2, 1]),
        ("page=3", 3, 10, []),
        ("page=2&per_page=5", 2, 5, [7, 6, 5, 4, 3]),
        ("per_page=100", 1, 100, list(range(12, 0, -1))),
        ("per_page=101", 1, 100, list(range(12, 0, -1))),
        ("per_page=1000000000000000000000000", 1, 100, list(range(12, 0, -1))),
        ("per_page=" + "9" * 5000, 1, 100, list(range(12, 0, -1))),
        ("per_page=0", 1, 10, list(range(12, 2, -1))),
        ("per_page=-1&page=-1", 1, 10, list(range(12, 2, -1))),
        ("per_page=abc&page=abc", 1, 10, list(range(12, 2, -1))),
        ("per_page=&page=", 1, 10, list(range(12, 2, -1))),
        ("per_page=1.5&page=%00", 1, 10, list(range(12, 2, -1))),
        ("page=%ff&per_page=%EF%BC%91", 1, 10, list(range(12, 2, -1))),
        ("page[]=2&owner=other&tenant=other", 1, 10, list(range(12, 2, -1))),
        ("page=002", 2, 10, [2, 1]),
    ],
)
async def test_pages_are_clamped_and_never_refused(
    site: httpx.AsyncClient, query: str, page: int, per_page: int, ids: list[int]
) -> None:
    for number in range(12):
        await uploaded(site, folder=f"{number}")
    answer = await site.get(f"/api/files?{query}")
    assert answer.status_code == 200
    assert [each["id"] for each in answer.json()["files"]] == ids
    total_pages = -(-12 // per_page)
    assert answer.json()["pagination"] == {
        "page": page,
        "per_page": per_page,
        "total_count": 12,
        "total_pages": total_pages,
    }


async def test_a_page_beyond_any_is_empty(site: httpx.AsyncClient) -> None:
    for page in ("999999999999999999", "9" * 5000):
        found = (await site.get(f"/api/files?page={page}")).json()
        assert (found["files"], found["pagination"]["total_pages"]) == ([], 0)


async def test_head_is_get_without_its_body(site: httpx.AsyncClient, house: Installation) -> None:
    file = await uploaded(site, folder="a/b")
    paths = ["/api/files", "/api/files/1", "/api/folders", "/api/folders/1", "/api/folders/tree"]
    headers = {"Authorization": f"Bearer {await house.key()}"}
    for path in (*paths, file["url"].removeprefix("http://coatcheck.test")):
        get, head = await site.get(path), await site.head(path)
        assert (get.status_code, head.status_code) == (200, 200)
        assert head.headers["content-length"] == get.headers["content-length"]
        assert (await raw(house, "HEAD", path, [], headers)).body == b""
    assert (await site.head("/api/files/99")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"{x}",
        b"",
        b"[]",
        b"null",
        b"5",
        b'\xef\xbb\xbf{"site_file": {"token": "x"}}',
        '{"site_file": {"token": "x"}}'.encode("utf-16"),
        b"\xff\xfe",
        b'{"site_file": {"token": "x"}} trailing',
        b"[" * 60_000,
        b'{"site_file": {"token": ' + b"9" * 5000 + b"}}",
        b'{"site_file": {"token": NaN}}',
        b'{"site_file": {"token": 1e400}}',
        b'{"site_file": {"token": "\\ud800.png"}}',
        b'{"site_file": {"token": "a\\u0000.png"}}',
        b'{"site_file": {"token": "' + b"x" * 65536 + b'"}}',
    ],
)
async def test_what_is_no_json_is_a_malformed_request(site: httpx.AsyncClient, body: bytes) -> None:
    file = await uploaded(site)
    answer = await site.patch(f"/api/files/{file['id']}", content=body)
    assert errors(answer) == (400, ["Malformed request"])
    assert errors(await site.post("/api/folders", content=body)) == (400, ["Malformed request"])


@pytest.mark.parametrize("body", [{}, {"site_file": {}}, {"site_file": None}, {"site_file": "x"}])
async def test_a_missing_root_key_is_named(site: httpx.AsyncClient, body: object) -> None:
    file = await uploaded(site)
    answer = await site.patch(f"/api/files/{file['id']}", json=body)
    message = "param is missing or the value is empty: site_file"
    assert errors(answer) == (400, [message])


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("", "Token can't be blank"),
        ("  ", "Token can't be blank"),
        ("/", "Token can't be blank"),
        (None, "Token can't be blank"),
        (5, "Token is invalid"),
        ([], "Token is invalid"),
        ("..", "Token is invalid"),
        ("a/../b", "Token is invalid"),
        ("a\x01b", "Token is invalid"),
        ("a\r\nX: 1", "Token is invalid"),
        ("x" * 256, "Token is invalid"),
        ("/".join(["d"] * 34), "Token is invalid"),
        ("...", "Token is invalid"),
    ],
)
async def test_a_token_that_cannot_be_is_refused(
    site: httpx.AsyncClient, token: object, message: str
) -> None:
    file = await uploaded(site)
    answer = await site.patch(f"/api/files/{file['id']}", json={"site_file": {"token": token}})
    assert errors(answer) == (422, [message])
    assert (await site.get(f"/api/files/{file['id']}")).json() == file


async def test_a_taken_token_is_refused_on_patch(site: httpx.AsyncClient) -> None:
    first, second = await uploaded(site), await uploaded(site, folder="other")
    answer = await site.patch(
        f"/api/files/{second['id']}", json={"site_file": {"token": first["token"]}}
    )
    assert errors(answer) == (422, ["Token has already been taken"])


async def test_its_own_token_changes_nothing(site: httpx.AsyncClient, house: Installation) -> None:
    file = await uploaded(site, folder="a/b")
    house.clock.advance(seconds=5)
    answer = await site.patch(f"/api/files/{file['id']}", json={"site_file": {"token": "a/b.png"}})
    assert (answer.status_code, answer.json()) == (200, file)


@pytest.mark.parametrize(
    ("token", "kept", "folder"),
    [
        ("new-filename.png", "new-filename.png", "b"),
        ("c/d/new", "c/d/new", "d"),
        ("/rooted.png", "rooted.png", None),
        ("a/b/other.txt", "a/b/other.txt", "b"),
        ("a\\x.png", "a/x.png", "a"),
        (" spaced ", "spaced", "b"),
        (".htaccess", ".htaccess", "b"),
    ],
)
async def test_a_token_moves_a_file_only_where_it_names_a_folder(
    site: httpx.AsyncClient, house: Installation, token: str, kept: str, folder: str | None
) -> None:
    file = await uploaded(site, folder="a/b/pic")
    house.clock.advance(seconds=61)

    answer = await site.patch(f"/api/files/{file['id']}", json={"site_file": {"token": token}})

    changed = answer.json()
    assert answer.status_code == 200
    assert changed["token"] == kept
    assert changed["filename"] == kept.rpartition("/")[2]
    assert (changed["folder"] or {"name": None})["name"] == folder
    assert changed["content_type"] == file["content_type"]
    assert changed["created_at"] == file["created_at"]
    assert changed["updated_at"] == "2025-06-15T15:07:41Z"
    assert (await site.get(changed["url"])).content == PNG
    assert (await site.get(file["url"])).content == PNG


async def test_a_slash_at_the_start_takes_a_bare_token_back_to_the_root(
    site: httpx.AsyncClient,
) -> None:
    file = await uploaded(site, folder="a/pic")
    path = f"/api/files/{file['id']}"
    bare = (await site.patch(path, json={"site_file": {"token": "pic.png"}})).json()
    assert (bare["token"], bare["folder"]["name"]) == ("pic.png", "a")
    root = (await site.patch(path, json={"site_file": {"token": "/pic.png"}})).json()
    assert (root["token"], root["folder"]) == ("pic.png", None)


async def test_fields_that_nobody_asked_for_are_ignored(site: httpx.AsyncClient) -> None:
    file = await uploaded(site)
    wanted = {"token": "new.png", "id": 9, "owner": "u2", "file_size": 0, "state": "claimed"}
    changed = (await site.patch(f"/api/files/{file['id']}", json={"site_file": wanted})).json()
    assert (changed["id"], changed["file_size"]) == (file["id"], file["file_size"])


async def test_a_deleted_file_is_gone_with_its_bytes_and_leaves_its_folders(
    site: httpx.AsyncClient, house: Installation
) -> None:
    file = await uploaded(site, "x.bin", bytes(5000), "a/b")
    assert len(house.blobs()) == 1

    answer = await site.delete(f"/api/files/{file['id']}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert house.blobs() == []
    for path in (f"/api/files/{file['id']}", file["url"]):
        assert errors(await site.get(path)) == (404, ["Record not found"])
    assert errors(await site.delete(f"/api/files/{file['id']}")) == (404, ["Record not found"])
    assert (await site.get("/api/folders")).json()["pagination"]["total_count"] == 1
    assert_books_balance(house, settled=True)


IDS = "0 -1 1_0 +1 %201 1.0 %EF%BC%91 1e3 0x1 01 abc 1%00 1;2 %ff 1%0A 1%20".split()


@pytest.mark.parametrize("id", [*IDS, "9" * 20, "9" * 18, "9" * 5000, "..%2f..%2fadmin", "1/2"])
@pytest.mark.parametrize("kind", ["files", "folders"])
async def test_what_is_no_id_is_no_record(site: httpx.AsyncClient, kind: str, id: str) -> None:
    await uploaded(site, folder="a/b")
    for method in ("GET", "DELETE"):
        answer = await site.request(method, f"/api/{kind}/{id}")
        assert errors(answer) == (404, ["Record not found"])
    body = {"site_file": {"token": "x"}, "site_folder": {"name": "x"}}
    answer = await site.patch(f"/api/{kind}/{id}", json=body)
    assert errors(answer) == (404, ["Record not found"])


async def left_elsewhere(house: Installation, content: bytes = b"elsewhere") -> int:
    async def describe(_head: bytes) -> Description:
        return Description(name=None, media_type="text/plain")

    deposited: Any = await house.services.uploads.deposit(
        Deposit(
            caller=await principal(house),
            dialect="campr",
            body=Whole(content),
            describe=describe,
            max_size=10**6,
            lifetime=10**9,
            digests=frozenset({SHA3_256}),
        )
    )
    return int(deposited.id)


async def test_what_was_left_through_another_api_can_be_read_here_by_its_owner(
    site: httpx.AsyncClient, house: Installation
) -> None:
    id = await left_elsewhere(house)
    file = (await site.get(f"/api/files/{id}")).json()
    assert (file["token"], file["filename"], file["folder"]) == (None, "file", None)
    assert (await site.get(file["url"])).content == b"elsewhere"
    assert (await site.get(f"/api/files/{id}")).json()["url"] == file["url"]
    assert await files(site) == []
    async with house.client(login="bob") as colleague:
        assert errors(await colleague.get(f"/api/files/{id}")) == (404, ["Record not found"])


async def test_a_token_brings_it_into_the_tree_for_good(
    site: httpx.AsyncClient, house: Installation
) -> None:
    id = await left_elsewhere(house)
    answer = await site.patch(f"/api/files/{id}", json={"site_file": {"token": "a/x.txt"}})
    assert (answer.status_code, answer.json()["token"]) == (200, "a/x.txt")
    house.clock.advance(seconds=10**8)
    await house.services.reaping.sweep()
    async with house.client(login="bob") as colleague:
        assert (await colleague.get(f"/api/files/{id}")).json()["token"] == "a/x.txt"
    assert_books_balance(house, settled=True)


async def test_a_file_that_another_api_renames_keeps_its_name_here(tmp_path: Path) -> None:
    async with (
        installation(tmp_path, dialects=("attachfast", "native")) as both,
        both.client() as ann,
    ):
        file = await uploaded(ann, folder="a/b")
        place = f"/coatcheck/v1/attachments/{file['id']}"
        renamed = (await ann.patch(place, json={"name": "c.pdf"})).json()
        assert renamed["name"] == "c.pdf"
        shown = (await ann.get(f"/api/files/{file['id']}")).json()
        assert (shown["token"], shown["filename"]) == ("a/b.png", "b.png")


async def test_what_was_left_through_another_api_can_be_deleted_here_by_its_owner(
    site: httpx.AsyncClient, house: Installation
) -> None:
    id = await left_elsewhere(house)
    async with house.client(login="bob") as colleague:
        assert (await colleague.delete(f"/api/files/{id}")).status_code == 404
    assert (await site.delete(f"/api/files/{id}")).status_code == 204
    assert (await site.get(f"/api/files/{id}")).status_code == 404


async def test_a_file_of_the_site_belongs_to_everybody_on_it(
    site: httpx.AsyncClient, house: Installation
) -> None:
    file = await uploaded(site)
    async with house.client(login="bob") as colleague:
        assert (await colleague.get(f"/api/files/{file['id']}")).json() == file
        assert (await colleague.delete(f"/api/files/{file['id']}")).status_code == 204
    assert_books_balance(house, settled=True)


async def test_files_of_the_site_never_expire(site: httpx.AsyncClient, house: Installation) -> None:
    file = await uploaded(site)
    house.clock.advance(seconds=10**9)
    await house.services.reaping.sweep()
    assert (await site.get(f"/api/files/{file['id']}")).json() == file


async def test_a_folder_of_many_files_shows_them_newest_first(site: httpx.AsyncClient) -> None:
    made = await folder(site, "a")
    for number in range(3):
        await uploaded(site, folder=f"a/{number}")
    view = (await site.get(f"/api/folders/{made['id']}")).json()
    assert [each["filename"] for each in view["files"]] == ["2.png", "1.png", "0.png"]

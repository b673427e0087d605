from __future__ import annotations

import httpx
import pytest

from coatcheck.domain.errors import BadName
from coatcheck.web.dialects.attachfast.naming import name_of_key, name_upload, parse_folders
from tests.web.dialects.attachfast.asks import PNG, chunk, errors, files, upload, uploaded

TABLE = [
    # name, folder, token, filename, folders made
    ("pic.png", None, "pic.png", []),
    ("pic.png", "image", "image.png", []),
    ("pic.png", "users/avatar", "users/avatar.png", [["users"]]),
    (
        "q.pdf",
        "docs/reports/quarterly",
        "docs/reports/quarterly.pdf",
        [["docs"], ["docs", "reports"]],
    ),
    ("pic.png", "users/avatar.png", "users/avatar.png", [["users"]]),
    ("pic.png", "v1.2", "v1.2.png", []),
    ("pic.PNG", "image", "image.PNG", []),
    ("pic.PNG", "image.png", "image.png", []),
    ("pic.png", "users/avatars/", "users/avatars/pic.png", [["users"], ["users", "avatars"]]),
    ("a.tar.gz", None, "a.tar.gz", []),
    ("pic.png", "/abs//path", "abs/path.png", [["abs"]]),
    ("pic.png", "a/./b", "a/b.png", [["a"]]),
    ("pic.png", "a\\b", "a/b.png", [["a"]]),
    ("pic.png", " spaced / name ", "spaced/name.png", [["spaced"]]),
    ("...", "short", "short.png", []),
    ("x" * 300 + ".png", "short", "short.png", []),
    ("pic.png", "", "pic.png", []),
    ("pic.png", "  ", "pic.png", []),
    ("pic.png", "/", "pic.png", []),
]


@pytest.mark.parametrize(("name", "folder", "token", "folders"), TABLE)
async def test_a_file_is_named_by_the_last_segment_of_its_folder(
    site: httpx.AsyncClient, name: str, folder: str | None, token: str, folders: list[list[str]]
) -> None:
    file = await uploaded(site, name, folder=folder)

    assert file["token"] == token
    assert file["filename"] == token.rpartition("/")[2]
    made = (await site.get("/api/folders?per_page=100")).json()["folders"]
    assert sorted(each["path"] for each in made) == folders
    leaf = made and max(made, key=lambda each: len(each["path"]))
    assert file["folder"] == ({"id": leaf["id"], "name": leaf["name"]} if leaf else None)


async def test_an_extension_comes_from_the_declared_type_where_the_name_has_none(
    site: httpx.AsyncClient,
) -> None:
    assert (await uploaded(site, "noext", b"hi", "notes", "text/plain"))["token"] == "notes.txt"
    assert (await uploaded(site, "blob", PNG, "shot"))["token"] == "shot.png"
    jpeg = await uploaded(site, "blob", b"\xff\xd8\xff", "shot.jpeg", "image/jpeg")
    assert jpeg["token"] == "shot.jpeg"
    nothing = await uploaded(site, "Makefile", b"all:\n", None, "application/octet-stream")
    assert (nothing["token"], nothing["content_type"]) == ("Makefile", "application/octet-stream")


async def test_a_taken_token_gets_a_counter_before_its_last_extension(
    site: httpx.AsyncClient,
) -> None:
    tokens = [(await uploaded(site, folder="image"))["token"] for _ in range(12)]
    assert tokens == ["image.png", *(f"image-{n}.png" for n in range(1, 12))]
    tokens = [(await uploaded(site, "a.tar.gz"))["token"] for _ in range(2)]
    assert tokens == ["a.tar.gz", "a.tar-1.gz"]
    assert (await uploaded(site, folder="image-1"))["token"] == "image-1-1.png"


async def test_tokens_in_two_folders_and_in_two_cases_do_not_conflict(
    site: httpx.AsyncClient,
) -> None:
    given = ["a/x.png", "b/x.png", "x.png", "X.png"]
    assert [(await uploaded(site, folder=each))["token"] for each in given] == given


async def test_the_token_of_a_deleted_or_renamed_file_is_free_again(
    site: httpx.AsyncClient,
) -> None:
    first = await uploaded(site, folder="image")
    await site.delete(f"/api/files/{first['id']}")
    second = await uploaded(site, folder="image")
    assert second["token"] == "image.png"
    await site.patch(f"/api/files/{second['id']}", json={"site_file": {"token": "other.png"}})
    assert (await uploaded(site, folder="image"))["token"] == "image.png"


@pytest.mark.parametrize(
    "folder",
    [
        "..",
        "../../x",
        "a/..",
        "a/../b",
        "..\\..\\x",
        "a\x01b",
        "a\tb",
        "a\x7f",
        "a\x1b[31m",
        "/".join(["d"] * 34),
        "x" * 256,
        "a/" + "x" * 1000 + "/b",
        "...",
        "a/\u202e",
    ],
)
async def test_a_folder_that_cannot_be_a_path_is_refused(
    site: httpx.AsyncClient, folder: str
) -> None:
    assert errors(await upload(site, folder=folder)) == (422, ["Folder is invalid"])
    assert await files(site) == []
    assert (await site.get("/api/folders")).json()["folders"] == []


async def test_a_path_may_be_32_folders_deep(site: httpx.AsyncClient) -> None:
    deep = "/".join(["d"] * 32)
    assert (await uploaded(site, folder=f"{deep}/x"))["token"] == f"{deep}/x.png"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\x", "x"),
        ("/etc/passwd", "passwd"),
        ("C:\\x", "x"),
        ("\\\\srv\\s\\x", "x"),
        ("file:///etc/passwd", "passwd"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("a\u200bb", "ab"),
        ("a\u2028b", "ab"),
        ("e\u0301.png", "\u00e9.png"),
        ("\uff0f\uff0e\uff0e", "\uff0f\uff0e\uff0e"),
        ("CON", "CON"),
        ("a.png ", "a.png"),
        ("desktop.ini", "desktop.ini"),
        (".htaccess", ".htaccess"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("{{7*7}}", "{{7*7}}"),
        ("${jndi:ldap:x}", "${jndi:ldap:x}"),
        ("$(id)", "$(id)"),
        ("'; DROP TABLE a;--", "'; DROP TABLE a;--"),
        ("x.jpg.php", "x.jpg.php"),
        ("снимок.png", "снимок.png"),
        ("😀.png", "😀.png"),
        ("a\r\nX: 1", "aX: 1"),
        ('a"b.png', 'a"b.png'),
    ],
)
async def test_a_name_is_for_showing_and_loses_what_deceives(
    site: httpx.AsyncClient, given: str, kept: str
) -> None:
    file = await uploaded(site, given, b"\x00\x01", media_type="application/x-nothing")
    assert (file["filename"], file["token"]) == (kept, kept)
    answer = await site.get(file["download_url"])
    assert answer.content == b"\x00\x01"
    disposition = answer.headers.get_list("content-disposition")
    assert len(disposition) == 1
    assert disposition[0].isascii()
    assert disposition[0].startswith("attachment; filename=")


@pytest.mark.parametrize("name", ["..", ".", " ", "...", "a/", "/", "\u202e", "x" * 256])
async def test_a_name_that_none_is_is_refused(site: httpx.AsyncClient, name: str) -> None:
    assert errors(await upload(site, name)) == (422, ["File name is invalid"])
    assert await files(site) == []


@pytest.mark.parametrize(
    ("key", "chunk_name", "name"),
    [
        ("my_video_2025.mp4", "chunk_001", "my_video_2025.mp4"),
        ("movie.mp4_1735576000000", "blob", "movie.mp4"),
        ("movie.mp4_1735576000", "file", "movie.mp4"),
        ("movie.mp4_173557600", "blob", "movie.mp4_173557600"),
        ("movie.mp4_17355760000001", "blob", "movie.mp4_17355760000001"),
        ("../../x", "blob", "x"),
        ("a/b/movie.mp4", "blob", "movie.mp4"),
        ("upload-42", "movie.mp4", "upload-42.mp4"),
        ("upload-42", "blob", "upload-42"),
        ("upload-42", "chunk_001", "upload-42"),
        ("upload-42", "movie.part1", "upload-42"),
        ("upload-42", None, "upload-42"),
        ("_1735576000000", "blob", "_1735576000000"),
        ("😀", "blob", "😀"),
    ],
)
def test_the_name_of_a_large_file_comes_from_its_key(
    key: str, chunk_name: str | None, name: str
) -> None:
    assert name_of_key(key, chunk_name) == name


@pytest.mark.parametrize("key", ["..", "/", "...", "\u202e", "a/.._1735576000000"])
def test_a_key_without_a_name_is_refused(key: str) -> None:
    with pytest.raises(BadName):
        name_of_key(key, None)


@pytest.mark.parametrize(
    ("field", "folders"),
    [
        (None, ()),
        ("", ()),
        (" ", ()),
        ("/", ()),
        ("videos/2025", ("videos", "2025")),
        ("videos/2025/", ("videos", "2025")),
        ("/videos\\2025", ("videos", "2025")),
    ],
)
def test_the_folder_of_a_large_file_is_folders_only(
    field: str | None, folders: tuple[str, ...]
) -> None:
    assert parse_folders(field) == folders


async def test_large_files_get_counters_as_well(site: httpx.AsyncClient) -> None:
    for number in range(3):
        key = f"movie.mp4_173557600{number}"
        answer = await chunk(site, 1, b"abc", total=3, key=key, folder="videos/2025")
        assert answer.status_code == 201
    tokens = [each["token"] for each in await files(site)]
    assert tokens == [
        "videos/2025/movie-2.mp4",
        "videos/2025/movie-1.mp4",
        "videos/2025/movie.mp4",
    ]
    assert {each["content_type"] for each in await files(site)} == {"video/mp4"}


def test_a_very_long_name_is_cut_so_that_its_extension_fits() -> None:
    filing, _ = name_upload((), "x" * 255, "pic.png", None, b"")
    assert filing.base == "x" * 251 + ".png"

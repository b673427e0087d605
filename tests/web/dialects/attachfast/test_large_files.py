from __future__ import annotations

import asyncio
import hashlib
import itertools
import random

import httpx
import pytest

from tests.books import assert_books_balance
from tests.kit import Installation, installation
from tests.web.dialects.attachfast.asks import (
    END,
    FORM,
    assert_nothing_is_left,
    chunk,
    errors,
    files,
    part,
)
from tests.web.raw import raw

DAY = 24 * 3600
COMPLETE = {"message": "File upload completed successfully", "status": "complete"}


def pending(received: int, total: int) -> dict[str, object]:
    return {
        "message": "Chunk received successfully",
        "status": "pending",
        "received_size": received,
        "total_size": total,
    }


def content(number: int, size: int = 5000) -> bytes:
    return hashlib.shake_128(bytes([number])).digest(size)


async def the_only_file(site: httpx.AsyncClient) -> bytes:
    (file,) = await files(site)
    return (await site.get(file["url"])).content


async def test_chunks_become_a_file_with_the_last_of_them(
    site: httpx.AsyncClient, house: Installation
) -> None:
    first = await chunk(site, 1, content(1), total=10_000, folder="videos/2025")
    assert (first.status_code, first.json()) == (202, pending(5000, 10_000))
    assert list(first.json()) == ["message", "status", "received_size", "total_size"]
    assert "location" not in first.headers
    assert await files(site) == []
    assert (await site.get("/api/folders")).json()["folders"] == []
    house.clock.advance(seconds=60)

    last = await chunk(site, 2, content(2), total=10_000, folder="videos/2025")

    assert (last.status_code, last.json()) == (201, COMPLETE)
    (file,) = await files(site)
    assert last.headers["location"] == f"/api/files/{file['id']}"
    assert file["token"] == "videos/2025/movie.mp4"
    assert file["folder"]["name"] == "2025"
    assert (file["content_type"], file["file_size"]) == ("video/mp4", 10_000)
    assert file["created_at"] == "2025-06-15T15:07:40Z"
    assert await the_only_file(site) == content(1) + content(2)
    assert_books_balance(house, settled=True)


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
async def test_chunks_may_come_in_any_order(
    site: httpx.AsyncClient, order: tuple[int, ...]
) -> None:
    statuses = [(await chunk(site, n, content(n), total=15_000)).status_code for n in order]
    assert statuses == [202, 202, 201]
    assert await the_only_file(site) == content(1) + content(2) + content(3)


async def test_the_fields_may_come_before_or_after_the_chunk(site: httpx.AsyncClient) -> None:
    fields = part("chunk", b"1") + part("total_size", b"3") + part("folder", b"a")
    key = "k{}.bin"
    for number, body in enumerate(
        (
            fields + part("key", b"k0.bin") + part("file", b"abc", filename="blob"),
            part("file", b"abc", filename="blob") + fields + part("key", b"k1.bin"),
            part("key", b"k2.bin") + part("file", b"abc", filename="blob") + fields,
        )
    ):
        answer = await site.post("/api/large_files", content=body + END, headers=FORM)
        assert answer.status_code == 201
        assert (await files(site))[0]["token"] == f"a/{key.format(number)}"


REQUIRED = {
    "file": "File is required",
    "chunk": "Missing chunk number",
    "total_size": "Missing total size",
    "key": "Missing key",
}


@pytest.mark.parametrize(
    "missing",
    [set(some) for n in (1, 2, 3, 4) for some in itertools.combinations(REQUIRED, n)],
)
@pytest.mark.parametrize("empty", [False, True])
async def test_what_is_missing_is_named_in_one_order(
    site: httpx.AsyncClient, house: Installation, missing: set[str], empty: bool
) -> None:
    body = b"" if "file" in missing else part("file", bytes(2000), filename="blob")
    for name, value in {"key": b"k", "total_size": b"2000", "chunk": b"1"}.items():
        if name not in missing:
            body += part(name, value)
        elif empty:
            body += part(name, b" ")
    answer = await site.post("/api/large_files", content=body + END, headers=FORM)
    assert errors(answer) == (422, [REQUIRED[name] for name in REQUIRED if name in missing])
    await assert_nothing_is_left(house)


async def test_a_form_without_a_chunk_may_be_urlencoded(site: httpx.AsyncClient) -> None:
    answer = await site.post("/api/large_files", data={"chunk": "1", "key": "k"})
    assert errors(answer) == (422, ["File is required", "Missing total size"])


@pytest.mark.parametrize(
    "number", [*"0 -1 1_0 +1 1.0 1e3 0x1 abc １ 01 1;2".split(), "1 ", "9" * 20]
)
async def test_a_chunk_has_a_number_from_1(site: httpx.AsyncClient, number: str) -> None:
    answer = await chunk(site, number, b"x", total=1)
    assert errors(answer) == (422, ["Chunk number is invalid"])


@pytest.mark.parametrize("total", ["-5", "5 ", "1_0", "1.5", "abc", "01", str(2**63), "9" * 5000])
async def test_a_total_size_is_a_number(site: httpx.AsyncClient, total: str) -> None:
    answer = await chunk(site, 1, b"x", total=total)
    assert errors(answer) == (422, ["Total size is invalid"])


async def test_a_total_above_the_limit_is_refused_at_the_first_chunk(
    site: httpx.AsyncClient, house: Installation
) -> None:
    answer = await chunk(site, 1, b"x", total=house.settings.max_size + 1)
    assert errors(answer) == (422, ["File is too large"])
    await assert_nothing_is_left(house)


@pytest.mark.parametrize("key", ["x" * 256, "x" * 10_240, "x" * 70_000, "..", "a/.."])
async def test_a_key_has_at_most_255_characters_and_holds_a_name(
    site: httpx.AsyncClient, house: Installation, key: str
) -> None:
    answer = await chunk(site, 1, b"x", total=2, key=key)
    assert errors(answer) == (422, ["Key is invalid"])
    await assert_nothing_is_left(house)


async def test_a_key_with_a_nul_is_malformed(site: httpx.AsyncClient) -> None:
    answer = await chunk(site, 1, b"x", total=2, key="a\0b")
    assert errors(answer) == (400, ["Malformed request"])


async def test_everything_invalid_is_told_at_once(site: httpx.AsyncClient) -> None:
    answer = await chunk(site, 0, b"x", total=-1, key="x" * 256, folder="..")
    assert errors(answer) == (
        422,
        [
            "Chunk number is invalid",
            "Total size is invalid",
            "Key is invalid",
            "Folder is invalid",
        ],
    )


async def test_keys_that_differ_by_case_or_form_are_different_uploads(
    site: httpx.AsyncClient,
) -> None:
    for key in ("Movie", "movie", "e\u0301", "\u00e9", "😀"):
        answer = await chunk(site, 1, b"x", total=2, key=key)
        assert answer.json()["received_size"] == 1
    for key in ("Movie", "movie", "e\u0301", "\u00e9", "😀"):
        answer = await chunk(site, 2, b"y", total=2, key=key)
        assert answer.status_code == 201
    assert len(await files(site)) == 5


async def test_an_empty_file_is_one_empty_chunk(site: httpx.AsyncClient) -> None:
    answer = await chunk(site, 1, b"", total=0)
    assert (answer.status_code, answer.json()) == (201, COMPLETE)
    assert await the_only_file(site) == b""


@pytest.mark.parametrize("size", [500, 5000])
async def test_a_chunk_sent_ten_times_counts_once(
    site: httpx.AsyncClient, house: Installation, size: int
) -> None:
    for _ in range(10):
        answer = await chunk(site, 1, content(1, size), total=2 * size)
        assert (answer.status_code, answer.json()) == (202, pending(size, 2 * size))
    assert (await chunk(site, 2, content(2, size), total=2 * size)).status_code == 201
    assert await the_only_file(site) == content(1, size) + content(2, size)
    assert_books_balance(house, settled=True)


@pytest.mark.parametrize("other", [content(9), content(1, 4000), content(1, 6000), b""])
async def test_other_bytes_under_the_same_number_are_refused_and_harm_nothing(
    site: httpx.AsyncClient, house: Installation, other: bytes
) -> None:
    await chunk(site, 1, content(1), total=10_000)
    answer = await chunk(site, 1, other, total=10_000)
    assert errors(answer) == (422, ["Chunk already received with different content"])
    assert (await chunk(site, 2, content(2), total=10_000)).status_code == 201
    assert await the_only_file(site) == content(1) + content(2)
    assert_books_balance(house, settled=True)


async def test_another_total_is_refused_and_harms_nothing(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await chunk(site, 1, content(1), total=10_000)
    for total in (5000, 10_001):
        answer = await chunk(site, 2, content(2), total=total)
        assert errors(answer) == (422, ["Total size does not match"])
    assert (await chunk(site, 2, content(2), total=10_000)).status_code == 201
    assert_books_balance(house, settled=True)


async def test_another_total_is_refused_also_where_the_fields_come_last(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await chunk(site, 1, content(1), total=10_000, key="k")
    body = part("file", content(2), filename="blob")
    body += part("chunk", b"2") + part("total_size", b"9999") + part("key", b"k") + END
    answer = await site.post("/api/large_files", content=body, headers=FORM)
    assert errors(answer) == (422, ["Total size does not match"])


async def test_more_bytes_than_the_total_are_refused_and_harm_nothing(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await chunk(site, 1, content(1), total=10_000)
    answer = await chunk(site, 2, content(2, 5001), total=10_000)
    assert errors(answer) == (422, ["Received size exceeds total size"])
    assert (await chunk(site, 2, content(2), total=10_000)).status_code == 201
    assert_books_balance(house, settled=True)
    answer = await chunk(site, 1, b"abc", total=2, key="another")
    assert errors(answer) == (422, ["Received size exceeds total size"])
    assert_books_balance(house, settled=True)


async def test_a_gap_is_never_a_file(site: httpx.AsyncClient) -> None:
    await chunk(site, 1, b"abc", total=6)
    answer = await chunk(site, 3, b"def", total=6)
    assert (answer.status_code, answer.json()) == (202, pending(6, 6))
    answer = await chunk(site, 2, b"g", total=6)
    assert errors(answer) == (422, ["Received size exceeds total size"])
    assert await files(site) == []


async def test_an_empty_chunk_may_fill_a_gap(site: httpx.AsyncClient) -> None:
    await chunk(site, 1, b"abc", total=6)
    await chunk(site, 3, b"def", total=6)
    assert (await chunk(site, 2, b"", total=6)).status_code == 201
    assert await the_only_file(site) == b"abcdef"


async def test_the_last_chunk_again_is_told_the_same(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await chunk(site, 1, content(1), total=10_000)
    first = await chunk(site, 2, content(2), total=10_000)
    for _ in range(3):
        again = await chunk(site, 2, content(2), total=10_000)
        assert (again.status_code, again.json()) == (201, COMPLETE)
        assert again.headers["location"] == first.headers["location"]
    assert len(await files(site)) == 1
    assert_books_balance(house, settled=True)


async def test_any_other_chunk_under_a_completed_key_begins_another_file(
    site: httpx.AsyncClient, house: Installation
) -> None:
    for number in (1, 2):
        await chunk(site, number, content(number), total=10_000)
    answer = await chunk(site, 1, content(3), total=7000)
    assert (answer.status_code, answer.json()) == (202, pending(5000, 7000))
    answer = await chunk(site, 2, content(4, 2000), total=7000)
    assert answer.status_code == 201
    second, first = await files(site)
    assert (first["token"], second["token"]) == ("movie.mp4", "movie-1.mp4")
    assert (await site.get(first["url"])).content == content(1) + content(2)
    assert (await site.get(second["url"])).content == content(3) + content(4, 2000)
    assert_books_balance(house, settled=True)


async def test_a_day_after_completion_the_last_chunk_begins_another_file(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await chunk(site, 1, b"abc", total=6)
    await chunk(site, 2, b"def", total=6)
    house.clock.advance(seconds=DAY + 1)
    answer = await chunk(site, 2, b"def", total=6)
    assert (answer.status_code, answer.json()) == (202, pending(3, 6))


async def test_the_last_chunk_of_a_deleted_file_begins_another(site: httpx.AsyncClient) -> None:
    await chunk(site, 1, b"abc", total=3)
    (file,) = await files(site)
    await site.delete(f"/api/files/{file['id']}")
    assert (await chunk(site, 1, b"abc", total=3)).status_code == 201
    assert (await files(site))[0]["id"] != file["id"]


async def test_a_chunk_after_a_day_starts_over(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await chunk(site, 1, content(1), total=10_000)
    house.clock.advance(seconds=DAY - 1)
    answer = await chunk(site, 1, content(1), total=10_000)
    assert answer.json()["received_size"] == 5000
    house.clock.advance(seconds=2)
    # The window counts from the first chunk, and the total of a new upload may be another.
    answer = await chunk(site, 2, content(2), total=12_000)
    assert (answer.status_code, answer.json()) == (202, pending(5000, 12_000))
    house.clock.advance(seconds=61)
    await house.services.reaping.sweep()
    assert len(house.blobs()) == 1
    assert_books_balance(house, settled=True)


async def test_what_is_never_completed_is_swept_away(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await chunk(site, 1, content(1), total=10_000)
    house.clock.advance(seconds=DAY + 61)
    await house.services.reaping.sweep()
    await assert_nothing_is_left(house)


async def test_the_folder_of_the_first_chunk_counts(site: httpx.AsyncClient) -> None:
    await chunk(site, 1, b"abc", total=6, folder="first")
    await chunk(site, 2, b"def", total=6, folder="second")
    (file,) = await files(site)
    assert file["token"] == "first/movie.mp4"


async def test_a_bad_folder_is_refused_with_any_chunk(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await chunk(site, 1, b"abc", total=6, folder="a")
    answer = await chunk(site, 2, b"def", total=6, folder="../..")
    assert errors(answer) == (422, ["Folder is invalid"])
    assert await files(site) == []


async def test_a_chunk_above_its_limit_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    mib = 1024 * 1024
    for limit, words in ((mib, "1MB"), (3 * mib // 2, "1.5MB")):
        settings = {"dialects": ("attachfast",), "max_chunk_size": limit}
        async with (
            installation(tmp_path_factory.mktemp("chunks"), **settings) as small,
            small.client() as site,
        ):
            answer = await chunk(site, 1, bytes(limit + 1), total=5 * mib)
            assert errors(answer) == (422, [f"Chunk exceeds maximum size of {words}"])
            await assert_nothing_is_left(small)
            assert (await chunk(site, 1, bytes(limit), total=5 * mib)).status_code == 202


def test_the_usual_limit_is_100_mb(house: Installation) -> None:
    assert house.settings.max_chunk_size == 100 * 1024 * 1024


async def test_there_are_limits_to_chunks_and_to_open_uploads(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = {"dialects": ("attachfast",), "max_parts": 3, "max_open_uploads": 2}
    async with (
        installation(tmp_path_factory.mktemp("limits"), **settings) as small,
        small.client() as site,
    ):
        for number in (1, 2, 3):
            assert (await chunk(site, number, b"x", total=100)).status_code == 202
        answer = await chunk(site, 4, b"x", total=100)
        assert errors(answer) == (422, ["The upload has too many parts: at most 3"])
        assert (await chunk(site, 1, b"x", total=100, key="second")).status_code == 202
        answer = await chunk(site, 1, b"x", total=100, key="third")
        assert errors(answer) == (422, ["There are too many open uploads: at most 2"])


async def test_a_chunk_that_is_cut_can_be_sent_again(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await chunk(site, 1, content(1), total=10_000, key="k")
    headers = FORM | {"Authorization": f"Bearer {await house.key()}"}
    fields = part("chunk", b"2") + part("total_size", b"10000") + part("key", b"k")
    body = fields + part("file", content(2), filename="blob") + END
    for cut in (len(fields) + 10, len(body) - 2000, len(body) - 5):
        answer = await raw(house, "POST", "/api/large_files", [body[:cut]], headers, hang_up=True)
        assert answer.status == 400
    assert (await chunk(site, 2, content(2), total=10_000, key="k")).status_code == 201
    assert await the_only_file(site) == content(1) + content(2)
    assert_books_balance(house, settled=True)


@pytest.mark.folder
async def test_a_failure_at_the_end_keeps_the_chunks_and_any_of_them_tries_again(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await chunk(site, 1, content(1), total=10_000)
    await asyncio.sleep(0.05)
    house.services.running.forget(1)
    (blob,) = house.blobs()
    aside = blob.rename(blob.with_suffix(".aside"))

    failed = await chunk(site, 2, content(2), total=10_000)

    assert errors(failed) == (
        500,
        ["Failed to create final file: A stored part is missing."],
    )
    assert await files(site) == []
    aside.rename(blob)
    assert (await chunk(site, 1, content(1), total=10_000)).status_code == 201
    assert await the_only_file(site) == content(1) + content(2)


async def test_another_site_has_keys_of_its_own(
    site: httpx.AsyncClient, house: Installation
) -> None:
    async with house.client(tenant="other") as stranger:
        await chunk(site, 1, b"abc", total=6)
        answer = await chunk(stranger, 2, b"XYZ", total=7)
        assert (answer.status_code, answer.json()) == (202, pending(3, 7))
        assert (await chunk(site, 2, b"def", total=6)).status_code == 201
        assert await the_only_file(site) == b"abcdef"
        assert await files(stranger) == []


async def test_two_keys_of_one_site_may_share_an_upload(
    site: httpx.AsyncClient, house: Installation
) -> None:
    async with house.client(login="bob") as colleague:
        await chunk(site, 1, content(1), total=10_000)
        assert (await chunk(colleague, 2, content(2), total=10_000)).status_code == 201
    assert await the_only_file(site) == content(1) + content(2)
    assert_books_balance(house, settled=True)


# -- at once ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [100, 3000])
async def test_all_chunks_at_once_make_one_file(
    site: httpx.AsyncClient, house: Installation, size: int
) -> None:
    numbers = list(range(1, 21))
    random.Random(4).shuffle(numbers)
    answers = await asyncio.gather(
        *(chunk(site, number, content(number, size), total=20 * size) for number in numbers)
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [202] * 19
    assert await the_only_file(site) == b"".join(content(n, size) for n in range(1, 21))
    assert_books_balance(house, settled=True)


async def race_the_last_two(house: Installation, site: httpx.AsyncClient, rounds: int) -> None:
    for round in range(rounds):
        key = f"race-{round}"
        await chunk(site, 1, b"abc", total=9, key=key)
        answers = await asyncio.gather(
            chunk(site, 2, b"def", total=9, key=key), chunk(site, 3, b"ghi", total=9, key=key)
        )
        assert sorted(answer.status_code for answer in answers) == [201, 202], round
    page = (await site.get("/api/files?per_page=100")).json()
    assert page["pagination"]["total_count"] == rounds
    assert {each["file_size"] for each in page["files"]} == {9}
    assert_books_balance(house, settled=True)


async def test_the_last_two_chunks_at_once_make_one_file(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await race_the_last_two(house, site, 60)


@pytest.mark.thorough
@pytest.mark.timeout(300)
async def test_the_last_two_chunks_at_once_make_one_file_a_thousand_times(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await race_the_last_two(house, site, 1000)


@pytest.mark.parametrize("size", [100, 3000])
async def test_one_chunk_many_times_at_once_is_one_chunk(
    site: httpx.AsyncClient, house: Installation, size: int
) -> None:
    answers = await asyncio.gather(
        *(chunk(site, 1, content(1, size), total=2 * size) for _ in range(16))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.json()["received_size"] for answer in answers} == {size}
    answers = await asyncio.gather(
        *(chunk(site, 2, content(2, size), total=2 * size) for _ in range(16))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert await the_only_file(site) == content(1, size) + content(2, size)
    assert_books_balance(house, settled=True)

"""What many clients do at the same moment; the books have to balance whoever wins."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx
import pytest

from tests.books import assert_books_balance
from tests.kit import Installation
from tests.web.dialects.attachfast.asks import chunk, errors, files, folder, upload, uploaded


@pytest.mark.parametrize("size", [100, 3000])
async def test_32_uploads_of_one_name_get_32_tokens(
    site: httpx.AsyncClient, house: Installation, size: int
) -> None:
    answers = await asyncio.gather(
        *(upload(site, content=bytes(size), folder="a/b/image") for _ in range(32))
    )
    assert {answer.status_code for answer in answers} == {201}
    tokens = {answer.json()["token"] for answer in answers}
    assert tokens == {"a/b/image.png", *(f"a/b/image-{n}.png" for n in range(1, 32))}
    assert len((await site.get("/api/folders")).json()["folders"]) == 2
    assert_books_balance(house, settled=True)


async def test_two_sites_that_upload_at_once_do_not_see_each_others_tokens(
    site: httpx.AsyncClient, house: Installation
) -> None:
    async with house.client(tenant="other") as other:
        answers = await asyncio.gather(
            *(upload(client, folder="a/image") for _ in range(8) for client in (site, other))
        )
        mine = {each["token"] for each in await files(site)}
        theirs = {each["token"] for each in await files(other)}
    assert {answer.status_code for answer in answers} == {201}
    assert mine == theirs == {"a/image.png", *(f"a/image-{n}.png" for n in range(1, 8))}


async def test_whole_and_chunked_uploads_of_one_name_share_the_counter(
    site: httpx.AsyncClient, house: Installation
) -> None:
    answers = await asyncio.gather(
        *(upload(site, "movie.mp4", b"abc") for _ in range(8)),
        *(chunk(site, 1, b"abc", total=3, key=f"movie.mp4_173557600{n}") for n in range(8)),
    )
    assert {answer.status_code for answer in answers} == {201}
    tokens = {each["token"] for each in await files(site)}
    assert tokens == {"movie.mp4", *(f"movie-{n}.mp4" for n in range(1, 16))}
    assert_books_balance(house, settled=True)


async def test_one_of_many_gets_a_token_by_patch(
    site: httpx.AsyncClient, house: Installation
) -> None:
    made = [await uploaded(site, folder=f"{n}") for n in range(8)]
    wanted = {"site_file": {"token": "wanted.png"}}
    answers = await asyncio.gather(
        *(site.patch(f"/api/files/{each['id']}", json=wanted) for each in made)
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 7
    refused = [errors(answer) for answer in answers if answer.status_code == 422]
    assert refused == [(422, ["Token has already been taken"])] * 7
    assert_books_balance(house, settled=True)


async def cross_moves(site: httpx.AsyncClient, rounds: int) -> None:
    for round in range(rounds):
        a, b = await folder(site, f"a{round}"), await folder(site, f"b{round}")
        answers = await asyncio.gather(
            site.patch(f"/api/folders/{a['id']}", json={"site_folder": {"parent_id": b["id"]}}),
            site.patch(f"/api/folders/{b['id']}", json={"site_folder": {"parent_id": a["id"]}}),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 422]


def depth_of(nodes: list[dict[str, Any]]) -> int:
    return 1 + max((depth_of(node["children"]) for node in nodes), default=-1)


async def test_two_folders_that_move_into_each_other_make_no_cycle(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await cross_moves(site, 25)
    assert depth_of((await site.get("/api/folders/tree")).json()["tree"]) == 2
    assert_books_balance(house, settled=True)


@pytest.mark.thorough
@pytest.mark.timeout(300)
async def test_two_folders_that_move_into_each_other_make_no_cycle_a_thousand_times(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await cross_moves(site, 1000)
    assert_books_balance(house, settled=True)


async def delete_while_uploading(
    house: Installation, site: httpx.AsyncClient, rounds: int, seed: int
) -> None:
    dice = random.Random(seed)
    for round in range(rounds):
        made = await folder(site, f"f{round}")

        async def delete_soon(
            id: int = made["id"], turns: int = dice.randint(0, 300)
        ) -> httpx.Response:
            for _ in range(turns):
                await asyncio.sleep(0)
            return await site.delete(f"/api/folders/{id}")

        content = bytes(dice.choice([10, 3000]))
        answer, deletion = await asyncio.gather(
            upload(site, content=content, folder=f"f{round}/pic"), delete_soon()
        )
        assert answer.status_code == 201
        file = answer.json()
        if file["folder"]["id"] == made["id"]:
            assert errors(deletion) == (422, ["Cannot delete folder containing files"])
        else:  # the folder was gone by then, and was made again
            assert deletion.status_code == 204
        view = (await site.get(f"/api/folders/{file['folder']['id']}")).json()
        assert [each["id"] for each in view["files"]] == [file["id"]]
    assert_books_balance(house, settled=True)


async def test_a_folder_deleted_while_a_file_comes_is_kept_or_made_again(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await delete_while_uploading(house, site, 25, seed=1)


@pytest.mark.thorough
@pytest.mark.timeout(300)
async def test_a_folder_deleted_while_a_file_comes_a_thousand_times(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await delete_while_uploading(house, site, 1000, seed=2)


async def test_one_of_many_deletes_wins(site: httpx.AsyncClient, house: Installation) -> None:
    file = await uploaded(site, content=bytes(3000))
    answers = await asyncio.gather(*(site.delete(f"/api/files/{file['id']}") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [204] + [404] * 7
    assert house.blobs() == []
    assert_books_balance(house, settled=True)


async def change_something(site: httpx.AsyncClient, dice: random.Random) -> httpx.Response:
    id, parent_id = dice.randint(1, 30), dice.choice([None, *range(1, 31)])
    name, content = dice.choice("abcd"), bytes(dice.choice([10, 2000]))
    placed = {"site_folder": {"name": name, "parent_id": parent_id}}
    match dice.randint(0, 9):
        case 0:
            return await site.post("/api/folders", json=placed)
        case 1:
            return await site.patch(f"/api/folders/{id}", json=placed)
        case 2:
            return await site.delete(f"/api/folders/{id}")
        case 3:
            return await upload(site, content=content, folder=f"{name}/{name}/x")
        case 4:
            return await chunk(site, 1, content, total=len(content), key=name, folder=name)
        case 5:
            token = {"site_file": {"token": f"{name}/y"}}
            return await site.patch(f"/api/files/{id}", json=token)
        case 6:
            return await site.delete(f"/api/files/{id}")
        case 7:
            return await site.get("/api/folders/tree")
        case 8:
            return await site.get("/api/files?per_page=100")
    return await site.get(f"/api/folders/{id}")


async def change_at_random(site: httpx.AsyncClient, seed: int, steps: int) -> None:
    dice = random.Random(seed)
    for _ in range(steps):
        answer = await change_something(site, dice)
        assert answer.status_code < 500, answer.text
        assert b'{"detail":' not in answer.content


async def test_whatever_many_clients_do_at_once_the_tree_stays_a_tree(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await asyncio.gather(*(change_at_random(site, n, 30) for n in range(6)))
    assert_books_balance(house, settled=True)


@pytest.mark.thorough
@pytest.mark.timeout(600)
async def test_whatever_many_clients_do_for_long_the_tree_stays_a_tree(
    site: httpx.AsyncClient, house: Installation
) -> None:
    await asyncio.gather(*(change_at_random(site, n, 400) for n in range(12)))
    assert_books_balance(house, settled=True)

"""The audit log: one line for each end of an attempt, with ids and without secrets."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from coatcheck import logs
from coatcheck.domain.errors import CoatcheckError
from coatcheck.domain.folder import Filing
from coatcheck.testing.bodies import Cut
from tests.core import core
from tests.deeds import BLOBS_ABOVE_1000, LARGE, a_part, content, deposit, principal, receive
from tests.kit import Installation, installation

NATIVE = "/coatcheck/v1/attachments"
NASTY = 'a"\r\n{"message": "upload completed"}\u2028\x1b[2Jx'


class Lines:
    def __init__(self) -> None:
        self.stream = io.StringIO()

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().split("\n")[:-1]]

    def of(self, *words: str) -> list[dict[str, Any]]:
        return [line for line in self.all() if line["message"].startswith(words)]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What the audit's own handler would write on standard error."""
    lines = Lines()
    handler = logging.StreamHandler(lines.stream)
    handler.setFormatter(logs.JsonLine())
    logger = logging.getLogger("coatcheck.audit")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    settings: dict[str, Any] = {"audit_log": "on", "quota_bytes": 40_000, "rate_limits": "off"}
    async with installation(tmp_path, **settings, **BLOBS_ABOVE_1000, max_size=20_000) as house:
        yield house


async def attempts(house: Installation) -> tuple[float, Counter[str]]:
    """How many begun, and how many ended in which way, as metrics have counted."""
    assert house.services.meter
    content, _ = await house.services.meter.exposed("")
    begun, ended = 0.0, Counter[str]()
    for family in text_string_to_metric_families(content.decode()):
        for sample in family.samples:
            if sample.name == "coatcheck_uploads_begun_total":
                begun += sample.value
            if sample.name == "coatcheck_uploads_ended_total":
                ended[sample.labels["outcome"]] += int(sample.value)
    return begun, ended


async def test_as_many_ends_are_told_as_there_were_attempts_whatever_became_of_them(
    house: Installation, lines: Lines
):
    async with house.client() as client:
        wishes: list[dict[str, Any]] = [
            {"content": b"small"},
            {"content": content(LARGE)},
            {"content": b"x" * 20_001},
            {"content": b"short", "headers": {"Content-Length": "10"}},
            {"content": content(LARGE), "headers": {"Content-Length": str(LARGE + 1)}},
            {
                "content": b"other",
                "headers": {
                    "Repr-Digest": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
                },
            },
            {"content": content(19_000)},
            {"content": content(19_000, 2)},
        ]
        answers = await asyncio.gather(*(client.post(NATIVE, **each) for each in wishes * 3))
        answers.append(
            await client.post(
                "/attachments",
                content=b"part",
                headers={"Content-Range": "bytes 0-3/8", "Client-Request-ID": "r" * 16},
            )
        )
        form = {"file": ("a.bin", b"in a form")}
        answers.append(await client.post("/api/files", files=form))
    caller = await principal(house)
    with pytest.raises(CoatcheckError):
        await deposit(house, caller, Cut(b"half", 2))
    with pytest.raises(ZeroDivisionError):
        await deposit(house, caller, Broken())
    cancelled = asyncio.create_task(deposit(house, caller, Waiting()))
    await asyncio.sleep(0.05)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)

    told = lines.of("upload ")
    begun, ended = await attempts(house)
    assert len(told) == begun == len(answers) + 3
    outcomes = Counter(line["message"].removeprefix("upload ") for line in told)
    assert outcomes == ended
    assert outcomes["completed"] == sum(a.status_code in (200, 201) for a in answers) > 4
    assert outcomes["accepted"] == 1
    assert {line["reason"] for line in told if line["message"] == "upload refused"} == {
        "digest_mismatch",
        "quota_exceeded",
        "too_large",
    }
    broken = {line["reason"] for line in told if line["message"] == "upload broken"}
    assert broken == {"incomplete", "ZeroDivisionError", "CancelledError"}
    assert all(line["principal"] == caller.id for line in told)
    ids = {answer.headers["X-Request-ID"] for answer in answers}
    assert ids <= {line["request_id"] for line in told}


async def test_a_wrong_key_is_told_with_its_address_as_long_as_it_is_told_as_wrong(
    tmp_path: Path, lines: Lines
) -> None:
    async with (
        installation(tmp_path, audit_log="on", wrong_keys_per_minute=3) as house,
        house.client() as client,
    ):
        wrong = {"Authorization": "Bearer cc_nobodys"}
        statuses = [(await client.get(NATIVE, headers=wrong)).status_code for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        assert (await client.get(NATIVE)).status_code == 200
    told = lines.of("key refused")
    assert [line["address"] for line in told] == ["127.0.0.1"] * 3
    assert "nobodys" not in lines.stream.getvalue()


class Broken:
    cut = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"x"
        raise ZeroDivisionError


class Waiting:
    cut = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()


async def test_a_line_holds_no_key_no_name_and_nothing_that_forges_another(
    house: Installation, lines: Lines
):
    async with house.client() as client:
        headers = {"X-Request-ID": "bad id", "Content-Disposition": 'attachment; filename="s3cret"'}
        made = (await client.post(NATIVE, content=b"x", headers=headers)).json()
        for name in (NASTY, await house.key()):
            wanted = {"container": {"kind": "post", "id": name}, "attachments": [made["id"]]}
            await client.post("/coatcheck/v1/claims", json=wanted)
    written = lines.stream.getvalue()
    assert lines.of("upload completed")
    assert len(lines.all()) == written.count("\n")
    assert written.isascii()
    assert "\r" not in written
    assert "\x1b" not in written
    assert "s3cret" not in written
    assert await house.key() not in written


async def test_what_becomes_of_an_attachment_is_told_step_by_step(
    house: Installation, lines: Lines
):
    async with house.client() as client, house.client(login="bob") as bob:
        made = [(await client.post(NATIVE, content=bytes([n]))).json()["id"] for n in range(4)]
        claim: dict[str, Any] = {"container": {"kind": "post", "id": "1"}}
        await client.post("/coatcheck/v1/claims", json=claim | {"attachments": made[:2]})
        await bob.post("/coatcheck/v1/claims", json=claim | {"attachments": made[2:3]})
        await client.delete("/coatcheck/v1/claims/post/1")
        await client.delete(f"{NATIVE}/{made[3]}")
    house.clock.advance(3 * 24 * 3600)
    await house.services.reaping.sweep()
    (claimed,) = lines.of("claimed")
    assert (claimed["container"], claimed["attachments"]) == ("host.post 1", made[:2])
    (refused,) = lines.of("claim refused")
    assert refused["reason"] == "not_found"
    assert refused["principal"] != claimed["principal"]
    assert lines.of("released")[0]["principal"] == claimed["principal"]
    assert [line["attachment"] for line in lines.of("deleted")] == [made[3]]
    assert sorted(id for line in lines.of("expired") for id in line["attachments"]) == made[:3]
    assert sorted(id for line in lines.of("purged") for id in line["attachments"]) == made


async def test_keys_are_told_by_their_numbers(house: Installation, lines: Lines):
    token = await house.services.keys.create(tenant="acme", login="new")
    (record,) = [each for each in await house.services.keys.all() if each.login == "new"]
    await house.services.keys.revoke(record.id)
    assert lines.of("key created")[-1]["key"] == lines.of("key revoked")[-1]["key"] == record.id
    assert token not in lines.stream.getvalue()


async def test_unless_it_is_turned_on_nothing_is_recorded(tmp_path: Path, lines: Lines):
    async with installation(tmp_path) as house, house.client() as client:
        assert (await client.post(NATIVE, content=b"x")).is_success
    assert lines.all() == []


async def test_an_upload_in_parts_is_accepted_part_by_part_and_completed_by_the_last(
    tmp_path: Path, lines: Lines
):
    async with core(tmp_path, audit_log="on") as place:
        caller = await principal(place)
        for ordinal in (1, 2):
            part = a_part(
                caller,
                b"1234",
                total=8,
                ordinal=ordinal,
                filing=Filing.at("t") if ordinal == 2 else None,
            )
            await receive(place, part)
    assert [line["message"] for line in lines.of("upload")] == [
        "upload accepted",
        "upload completed",
    ]
    assert lines.of("upload")[1]["size"] == 8


def test_the_audit_has_json_lines_of_its_own_whatever_the_other_lines_are_like():
    wiring = logs.configuration("text", "error")
    logger = wiring["loggers"]["coatcheck.audit"]
    (handler,) = logger["handlers"]
    formatter = wiring["formatters"][wiring["handlers"][handler]["formatter"]]
    assert formatter["()"].endswith(".JsonLine")
    assert (logger["level"], logger["propagate"]) == ("INFO", False)

"""Claims of what is somebody else's, gone or still arriving, and changes of what only the server decides."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import pytest

from tests.books import rows
from tests.security.aftermath import unharmed
from tests.security.asking import Asker, fresh
from tests.security.harness import Site
from tests.security.test_ids import NATIVE, NEVER, NUMBERED, masked_ids
from tests.security.wire import Answer


def issue(ids: Any) -> tuple[str, dict[str, Any]]:
    return "/v2/issues", {"queue": "SEC", "summary": "x", "attachmentIds": ids}


def package(ids: Any) -> tuple[str, dict[str, Any]]:
    links = [{"href": f"/api/v3/attachments/{each}"} for each in ids] if type(ids) is list else ids
    return "/api/v3/work_packages", {"subject": "x", "_links": {"attachments": links}}


def claim(ids: Any) -> tuple[str, dict[str, Any]]:
    named = [{"id": each} for each in ids] if type(ids) is list else ids
    container = {"kind": "post", "id": "of-security"}
    return "/coatcheck/v1/claims", {"container": container, "attachments": named}


def message(ids: Any) -> tuple[str, dict[str, Any]]:
    return "/v1/messages", {"conversation_id": "c", "message": "x", "attachments": ids}


def post(ids: Any) -> tuple[str, dict[str, Any]]:
    return "/posts", {"type": "https://a.test/t", "content": {}, "attachments": ids}


#: How each API claims, and which of an attachment's names it does so by.
CLAIMS = {
    "tracker": (issue, "id"),
    "openproject": (package, "id"),
    "native": (claim, "id"),
    "chat": (message, "public_id"),
    "campr": (post, "sha3"),
}


def left(who: Asker) -> dict[str, Any]:
    """An attachment with all its names, the digest that Campr goes by among them."""
    content = fresh()
    return {**who.left(content), "sha3": hashlib.sha3_256(content).hexdigest()}


@pytest.mark.parametrize("api", CLAIMS)
def test_a_claim_takes_all_that_it_names_or_none(site: Site, api: str) -> None:
    ann, eve = Asker(site), Asker(site, "eve")
    wish, key = CLAIMS[api]
    with unharmed(site):
        mine, foreign, expired = left(ann), left(eve), left(ann)
        ann.deleted(expired["id"])  # to the claim it is as one that ran out of time
        never = {"id": NEVER, "public_id": "Never0Existed000", "sha3": "0" * 64}
        refusals = [
            tried(ann, wish([mine[key], other[key]])) for other in (foreign, expired, never)
        ]
        assert all(400 <= answer.status < 500 for answer in refusals), refusals
        # That it exists elsewhere is not to be seen; of a digest the owner may be told that it is gone.
        masked = [_masked(answer, (foreign, expired, never)) for answer in refusals]
        assert masked[0] == masked[2]
        many = [mine[key]] * 10_000
        odds: tuple[Any, ...] = (many, [None], [{}], "text", 7, [[mine[key]]], [True])
        for odd in odds:
            if odd is many and api != "native":
                continue  # ten times the same one is once; the native API has a limit of its own
            answer = tried(ann, wish(odd))
            if 200 <= answer.status < 300:  # what is no list at all is not there
                assert not isinstance(odd, list), (odd, answer)
        assert ann.get(f"{NATIVE}/{mine['id']}").json()["state"] == "detached"
        ann.deleted(mine["id"])
        eve.deleted(foreign["id"])


def tried(who: Asker, wish: tuple[str, dict[str, Any]]) -> Answer:
    path, body = wish
    return who.ask("POST", path, json=body)


def _masked(answer: Answer, made: tuple[dict[str, Any], ...]) -> tuple[int, bytes]:
    body = masked_ids(answer.body)
    for each in made:
        for key in ("sha3", "public_id", "id"):
            body = body.replace(str(each[key]).encode(), b"*")
    return answer.status, body


def test_what_is_still_arriving_cannot_be_claimed_or_read(site: Site) -> None:
    """Its number is easily guessed: it is the next one."""
    ann, ben = Asker(site), Asker(site, "ben")
    with unharmed(site) as watch:
        content = fresh()
        parts = ((b"Client-Request-ID", b"arriving-%d" % time.time_ns()),)
        first = (b"Content-Range", b"bytes 0-9/40")
        assert ann.ask("POST", "/attachments", first, *parts, body=content[:10]).status == 202
        query = "SELECT id, public_id FROM attachments WHERE state = 'receiving' ORDER BY id DESC"
        row = rows(site.server.data_dir, query)[0]
        for who in (ann, ben):
            for path in NUMBERED:
                assert who.get(path.format(row["id"])).status == 404, path
            assert who.get(f"/v1/attachments/{row['public_id']}").status == 404
            for wish, key in (
                (issue, "id"),
                (package, "id"),
                (claim, "id"),
                (message, "public_id"),
            ):
                answer = tried(who, wish([row[key]]))
                assert 400 <= answer.status < 500, answer
        last = (b"Content-Range", b"bytes 10-39/40")
        whole = ann.ask("POST", "/attachments", last, *parts, body=content[10:])
        assert whole.status == 200
        assert ann.get(f"{NATIVE}/{row['id']}/content").body == content
        ann.deleted(row["id"])
        assert watch.keeps == 0


#: What only the server decides, by every name that it has anywhere.
OURS: dict[str, Any] = {
    "id": 9,
    "public_id": "x" * 16,
    "owner": "eve",
    "owner_id": 2,
    "tenant": "rival",
    "tenant_id": 2,
    "state": "claimed",
    "size": 0,
    "file_size": 0,
    "received": 0,
    "expires_at": 9 * 10**18,
    "created_at": 0,
    "blob_key": "x",
    "sha256": "0" * 64,
    "capability": "x" * 22,
    "message_id": "x" * 16,
    "file_url": "http://evil.test/",
    "__proto__": {},
}


def test_a_change_changes_what_may_be_changed_and_nothing_else(site: Site) -> None:
    ann = Asker(site)
    columns = (
        "id, public_id, owner_id, tenant_id, state, size, received, expires_at, sha256, capability"
    )
    with unharmed(site) as watch:
        watch.keeps = 1  # what a claim took that was asked for with more than belongs there
        made = ann.left(fresh())
        query = f"SELECT {columns}, created_at FROM attachments WHERE id = {made['id']}"
        (before,) = rows(site.server.data_dir, query)
        for method, path, change in (
            ("PATCH", f"{NATIVE}/{made['id']}", {"name": "b.txt", **OURS}),
            ("PUT", f"/v1/attachments/{made['public_id']}", {"filename": "b.txt", **OURS}),
        ):
            answer = ann.ask(method, path, json=change)
            assert answer.status in (200, 400, 422), answer
            (after,) = rows(site.server.data_dir, query)
            assert tuple(after) == tuple(before), (method, path)
        filed = ann.filed(fresh())
        query = query.replace(str(made["id"]), str(filed["id"]))
        (before,) = rows(site.server.data_dir, query)
        change = {"site_file": {"token": "other.bin", **OURS}, **OURS}
        assert ann.ask("PATCH", f"/api/files/{filed['id']}", json=change).status in (200, 422)
        (after,) = rows(site.server.data_dir, query)
        assert tuple(after) == tuple(before)
        for wish, key in CLAIMS.values():
            path, body = wish([{"id": made.get(key, ""), **OURS}])
            answer = ann.ask("POST", path, json={**body, "id": 9, "owner": "eve", "author": "eve"})
            assert answer.status < 500
        ann.deleted(filed["id"])
        held = ann.get(f"{NATIVE}/{made['id']}").json()
        assert held["id"] == made["id"]
        assert held["size"] == made["size"]

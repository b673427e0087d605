"""Names of things that are somebody else's, that are none, or that are not written as they should be; and claims.

Of claims that race deletes, sweeps and each other, on one node and on several, the storms of `tests/race` and the
races of `tests/nodes` are the proof; that all of each API looks foreign to strangers is in `test_tenants_apart`.
"""

from __future__ import annotations

import hashlib
import re
import statistics
import time
from typing import Any

import httpx
import pytest

from tests.books import rows
from tests.security.aftermath import unharmed
from tests.security.asking import Asker, fresh
from tests.security.harness import Site
from tests.security.wire import Answer

NATIVE = "/coatcheck/v1/attachments"
NEVER = 900_000_000

#: Where a number names an attachment.
NUMBERED = (
    "/api/files/{}",
    "/v2/attachments/{}",
    "/v3/attachments/{}/a.bin",
    "/v2/thumbnails/{}",
    "/api/v3/attachments/{}",
    "/api/v3/attachments/{}/content",
    f"{NATIVE}/{{}}",
    f"{NATIVE}/{{}}/content",
    f"{NATIVE}/{{}}/thumbnail",
)
METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE")

_OWN = re.compile(rb'"id": ?"[0-9a-f-]{36}"')
_EACH_TIME = ("x-request-id", "date", "rate-limit-remaining")


def seen(answer: Answer) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All of it but what differs every time."""
    fields = [each for each in answer.fields if each[0] not in _EACH_TIME]
    return answer.status, _OWN.sub(b'"id":*', answer.body), fields


def test_what_is_somebody_elses_is_answered_as_what_never_was(site: Site) -> None:
    ann, ben, eve = Asker(site), Asker(site, "ben"), Asker(site, "eve")
    with unharmed(site):
        content = fresh()
        made = ann.left(content)
        for other in (ben, eve):  # detached, it is not even a colleague's
            for path in NUMBERED:
                for method in METHODS:
                    change = {"name": "x"} if method in ("PUT", "PATCH") else None
                    foreign = other.ask(method, path.format(made["id"]), json=change)
                    never = other.ask(method, path.format(NEVER), json=change)
                    assert 400 <= foreign.status <= 405, (method, path, foreign)
                    assert seen(foreign) == seen(never), (method, path)
        assert ann.get(f"{NATIVE}/{made['id']}/content").body == content
        ann.deleted(made["id"])


def _walked(site: Site, numbers: int) -> None:
    """Numbers from 1 on, with a stranger's key: what is there takes no longer to refuse than what is not."""
    ann, eve = Asker(site), Asker(site, "eve")
    with unharmed(site):
        made = [ann.left(fresh())["id"] for _ in range(20)]
        headers = {"Authorization": f"Bearer {site.token('eve').decode()}"}
        took: dict[bool, list[float]] = {True: [], False: []}
        with httpx.Client(base_url=site.server.url, headers=headers) as client:
            for number in range(1, numbers + 1):
                for there in (True, False):
                    wanted = made[number % len(made)] if there else NEVER + number
                    began = time.perf_counter()
                    answer = client.get(f"{NATIVE}/{wanted}")
                    took[there].append(time.perf_counter() - began)
                    assert answer.status_code == 404
                assert client.get(f"{NATIVE}/{number}").status_code == 404
        foreign, never = statistics.median(took[True]), statistics.median(took[False])
        assert abs(foreign - never) < 0.5 * min(foreign, never) + 0.0005, (foreign, never)
        assert eve.get(NATIVE).json()["attachments"] == []
        for each in made:
            ann.deleted(each)


def test_whoever_tries_one_number_after_the_other_finds_nothing(site: Site) -> None:
    _walked(site, 60)


@pytest.mark.thorough
def test_nor_in_five_thousand(site: Site) -> None:
    _walked(site, 5000)


NO_NUMBERS = (
    *("0", "-1", "1_0", "+1", "%201", "1.0", "%EF%BC%91", "1e3", "0x1", "01", "1%00", "1;2"),
    *("9" * 20, "9" * 5000, "%ff", "%2e%2e", "1%2f..%2f2", "None", "null", "*", "1'--", "[1]"),
)


def test_a_number_has_one_spelling(site: Site) -> None:
    """Whatever else is sent in its place names nothing, and breaks nothing."""
    ann = Asker(site)
    with unharmed(site):
        own = ann.left(fresh())["id"]
        others = (f"{NEVER}/../{own}", f"./{own}", f"0{own}", f"{own}%20", f"%20{own}")
        for path in NUMBERED:
            for text in (*NO_NUMBERS, *others):
                answer = ann.get(path.format(text))
                assert answer.status == 404, (path, text, answer)
        ann.deleted(own)


def test_a_digest_is_64_digits_of_ones_own(site: Site) -> None:
    """To know the bytes is not to have them: a digest of what others left says nothing about it."""
    ann, eve = Asker(site), Asker(site, "eve")
    with unharmed(site):
        content = fresh()
        made = ann.left(content)
        digest = hashlib.sha3_256(content).hexdigest()
        empty = hashlib.sha3_256(b"").hexdigest()
        never = eve.get(f"/attachments/{'0' * 64}")
        for text in (digest, empty, digest[:63], digest + "0", digest[:63] + "g"):
            assert seen(eve.get(f"/attachments/{text}")) == seen(never), text
        assert eve.get(f"{NATIVE}/sha3-256:{digest}").status == 404
        assert ann.get(f"/attachments/{digest}").body == content
        # Hexadecimal digits may be written in either case; there is no third attachment in it.
        assert ann.get(f"/attachments/{digest.upper()}").status in (200, 404)
        ann.deleted(made["id"])


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
    body = _OWN.sub(b"*", answer.body)
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


LISTS = (
    "/attachments",
    "/posts",
    "/api/files",
    "/api/folders",
    "/v1/attachments",
    "/v1/messages",
    "/v2/attachments",
    NATIVE,
)
ODD_QUERIES = (
    "owner=eve&tenant=rival&user=eve&site_id=2",
    *("page=-1", "page=0", "page=9" + "9" * 30, "page=abc", "page=1&page=2"),
    *("per_page=0", "per_page=101", "per_page=1000000000", "per_page=abc", "per_page=-5"),
    *("limit=0", "limit=1000000000", "limit=-1", "limit=abc", "limit[]=1"),
    *("cursor=AAAA", "cursor=%00", "starting_after=Never0Existed000", "after=9e99", "before=-1"),
)


def test_a_list_has_only_what_is_ones_own_whatever_is_asked(site: Site) -> None:
    ann, eve = Asker(site), Asker(site, "eve")
    with unharmed(site):
        foreign = [eve.left(fresh()), eve.filed(fresh())]
        mine = ann.left(fresh())
        secret = re.compile("|".join(re.escape(each["public_id"]) for each in foreign[:1]))
        others = {each["id"] for each in foreign}
        for path in LISTS:
            for query in ODD_QUERIES:
                answer = ann.get(f"{path}?{query}")
                assert answer.status in (200, 400, 422), (path, query, answer)
                assert secret.search(answer.body.decode()) is None, (path, query)
                assert not others & _numbers(answer), (path, query)
        # A cursor is good in the hands of whoever it was given to.
        given = eve.get(f"{NATIVE}?limit=1").json()["next"]
        assert given
        for cursor in (given, given[:-1], given + "A", given[::-1]):
            answer = ann.get(f"{NATIVE}?cursor={cursor}")
            assert answer.status in (200, 400), answer
            assert not others & _numbers(answer), cursor
        ann.deleted(mine["id"])
        for each in foreign:
            eve.deleted(each["id"])


def _numbers(answer: Answer) -> set[int]:
    return {int(number) for number in re.findall(rb'"id": ?"?(\d+)"?[,}]', answer.body)}

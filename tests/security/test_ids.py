"""Names of things that are somebody else's, that are none, or that are not written as they should be; and claims.

Of claims that race deletes, sweeps and each other, on one node and on several, the storms of `tests/race` and the
races of `tests/nodes` are the proof; that all of each API looks foreign to strangers is in `test_tenants_apart`.
"""

from __future__ import annotations

import hashlib
import re
import statistics
import time

import httpx
import pytest

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


def masked_ids(body: bytes) -> bytes:
    """Without the id that each error has of its own."""
    return _OWN.sub(b'"id":*', body)


def seen(answer: Answer) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All of it but what differs every time."""
    fields = [each for each in answer.fields if each[0] not in _EACH_TIME]
    return answer.status, masked_ids(answer.body), fields


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

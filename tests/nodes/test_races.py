"""Claims, deletes, sweeps and quotas through several nodes at once: each has one outcome."""

from __future__ import annotations

import random
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

import pytest
import requests

from tests.nodes.cluster import Cluster, Node, wait_until
from tests.nodes.sending import Acknowledged, content_of, deposit, shuffled

#: One lies in a row, the other in the store.
SIZES = (500, 70_000)


def left(nodes: Cluster, count: int) -> dict[str, bytes]:
    """New attachments by id, with their bytes."""
    contents = [secrets.token_bytes(SIZES[n % 2]) for n in range(count)]
    answers = shuffled([partial(deposit, nodes.any(), content) for content in contents], seed=1)
    assert {each.status_code for each in answers} == {201}, [each.text for each in answers]
    return {
        urlsplit(each.headers["location"]).path.rpartition("/")[2]: content
        for each, content in zip(answers, contents, strict=True)
    }


def claim(node: Node, container: str, ids: list[str]) -> requests.Response:
    return node.post(
        "/coatcheck/v1/claims",
        json={
            "container": {"kind": "doc", "id": container},
            "attachments": [{"id": id} for id in ids],
        },
    )


def let_expire(nodes: Cluster) -> None:
    """What nobody has claimed by now is past its time, for all nodes."""
    past = int(time.time() * 1000) - 120_000
    nodes.rows(f"UPDATE attachments SET expires_at = {past} WHERE state = 'detached'")


def storm(nodes: Cluster, seed: int, prey: int = 30) -> Counter[str]:
    """How often each deed succeeded, and how often it came too late (with a !)."""
    dice, seen = random.Random(seed), Counter[str]()
    ids = left(nodes, prey)
    won: dict[str, str] = {}
    gone: list[str] = []

    def claims(lane: int) -> None:
        for n in range(prey // 3):
            pair = dice.sample(list(ids), 2)
            answer = claim(nodes.nodes[(lane + n) % 2], f"{seed}.{lane}.{n}", pair)
            assert answer.status_code in (200, 201, 404, 409), answer.text
            seen["claim" if answer.ok else "claim!"] += 1
            for id in pair if answer.ok else []:
                assert won.setdefault(id, f"{seed}.{lane}.{n}") == f"{seed}.{lane}.{n}"

    def deletes(lane: int) -> None:
        for n in range(prey // 3):
            id = dice.choice(list(ids))
            answer = nodes.nodes[(lane + n) % 2].ask("DELETE", f"/coatcheck/v1/attachments/{id}")
            assert answer.status_code in (204, 404, 409), answer.text
            seen["delete" if answer.ok else "delete!"] += 1
            gone.extend([id] if answer.ok else [])

    with ThreadPoolExecutor(8) as pool:
        deeds = [pool.submit(claims, lane) for lane in range(5)]
        deeds += [pool.submit(deletes, lane) for lane in range(2)]
        wait_until(lambda: len(won) >= prey // 4 or all(each.done() for each in deeds))
        let_expire(nodes)
        nodes.sweep_at_once(2)
        for each in deeds:
            each.result()

    assert len(gone) == len(set(gone)), "two deletes of one were told that it was theirs"
    assert not won.keys() & set(gone), "a claim and a delete of one both succeeded"
    acknowledged = Acknowledged()
    for id, container in won.items():
        acknowledged.add(f"/coatcheck/v1/attachments/{id}/content", ids[id])
        held = nodes.any().get(f"/coatcheck/v1/claims/doc/{container}")
        assert id in {str(each["id"]) for each in held.json()["attachments"]}, held.text
    acknowledged.check(nodes)
    let_expire(nodes)
    nodes.settle()
    for id in ids.keys() - won.keys():
        for node in nodes.nodes:
            assert node.get(f"/coatcheck/v1/attachments/{id}").status_code == 404
    assert nodes.charged() == nodes.kept()
    return seen


def test_of_claims_deletes_and_sweeps_of_one_attachment_on_all_nodes_one_has_it(
    nodes: Cluster,
) -> None:
    seen = storm(nodes, seed=1)
    assert all(seen[each] for each in ("claim", "claim!", "delete")), seen


@pytest.mark.thorough
def test_also_in_many_storms(nodes: Cluster) -> None:
    for seed in range(2, 22):
        storm(nodes, seed, prey=60)


def test_of_sweeps_that_run_together_each_thing_goes_in_one_and_is_paid_back_once(
    nodes: Cluster,
) -> None:
    let_expire(nodes)
    nodes.settle()
    before = nodes.charged()
    left(nodes, 60)
    owner = nodes.one("SELECT min(owner_id) FROM quotas")
    for n in range(150):  # whose writers died
        nodes.rows(
            f"INSERT INTO intents VALUES ('{n:032x}', {owner}, 10, '{n:032x}', 1);"
            f"UPDATE quotas SET reserved = reserved + 10 WHERE owner_id = {owner}"
        )
    let_expire(nodes)
    swept = nodes.sweep_at_once(3)
    expired = [each["attachment"] for one in swept for each in one["attachments"]]
    dropped = [each["blob"] for one in swept for each in one["intents"]]
    # Which sweep expires and which one purges may differ: all are named, none by three.
    assert len(set(expired)) == 60
    assert len(dropped) == len(set(dropped)) == 150
    assert nodes.charged() == before == nodes.kept()


def test_a_quota_holds_over_all_nodes_whatever_comes_at_once(nodes: Cluster) -> None:
    room = nodes.charged()[0] + 1_000_000
    owner = nodes.one(
        "SELECT owner_id FROM quotas JOIN principals p ON p.id = owner_id WHERE p.login = 'ann'"
    )
    nodes.rows(f"UPDATE quotas SET limit_bytes = used + 1000000 WHERE owner_id = {owner}")
    try:
        contents = [secrets.token_bytes(size) for size in (90_000, 40_000) for _ in range(20)]
        answers = shuffled(
            [partial(deposit, nodes.nodes[n % 2], content) for n, content in enumerate(contents)],
            seed=3,
        )
    finally:
        nodes.rows(f"UPDATE quotas SET limit_bytes = NULL WHERE owner_id = {owner}")
    assert {each.status_code for each in answers} == {201, 507}, [each.text for each in answers]
    acknowledged = Acknowledged()
    for answer, content in zip(answers, contents, strict=True):
        if answer.ok:
            acknowledged.add(content_of(answer), content)
    used, reserved, _ = nodes.charged()
    assert room - 90_000 < used <= room
    assert reserved == 0
    acknowledged.check(nodes)
    assert nodes.charged() == nodes.kept()


def test_deposits_of_many_owners_on_all_nodes_do_not_wait_for_each_other_in_a_circle(
    nodes: Cluster,
) -> None:
    """Each node records what waits together in one transaction, and so holds several owners' quotas at once."""
    servers = [node.server for node in nodes.nodes]
    owners = [servers[0].headers("acme", f"owner{n}") for n in range(6)]
    before = deadlocks(nodes)
    contents = [secrets.token_bytes(SIZES[n % 2]) for n in range(400)]
    deeds = [
        partial(
            requests.post,
            f"{servers[n % 2].url}/coatcheck/v1/attachments",
            data=content,
            headers=random.Random(n).choice(owners),
            timeout=30,
        )
        for n, content in enumerate(contents)
    ]
    answers = shuffled(deeds, seed=5, lanes=32)
    assert {each.status_code for each in answers} == {201}, [each.text for each in answers]
    assert deadlocks(nodes) == before


def deadlocks(nodes: Cluster) -> int:
    """That PostgreSQL had to end, in this database; it counts them with a delay of its own."""
    nodes.rows("SELECT pg_stat_force_next_flush()")
    return int(
        nodes.one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    )

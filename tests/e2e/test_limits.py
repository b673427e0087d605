"""Limits of requests on real servers with two workers, whichever of them is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import PATIENCE, Server, running_server

ENV = {"COATCHECK_DIALECTS": "native", "COATCHECK_REQUESTS_PER_MINUTE": "40"}


def ask(server: Server, key: str) -> httpx.Response:
    # A connection each, so that both workers get some.
    return httpx.get(
        f"{server.url}/coatcheck/v1/usage",
        headers={"Authorization": f"Bearer {key}"},
        timeout=PATIENCE,
    )


def statuses(times: int, asked: Callable[[int], httpx.Response]) -> Counter[int]:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(asked, range(times)))
    for answer in answers:
        if answer.status_code == 429:
            assert 0 < int(answer.headers["retry-after"]) <= 60
            assert answer.headers["coatcheck-limit"]
    return Counter(answer.status_code for answer in answers)


@pytest.mark.timeout(120)
def test_workers_count_together_and_a_right_key_passes_where_wrong_ones_do_not(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path / "data", workers=2, env=ENV) as server:
        ann, bob = (server.key(user=name) for name in ("ann", "bob"))

        wrong = statuses(45, lambda n: ask(server, f"cc_wrong{n}"))
        assert wrong.keys() == {401, 429}
        assert 20 <= wrong[401] <= 30
        assert statuses(4, lambda _: ask(server, bob)) == {200: 4}

        let_through = statuses(60, lambda _: ask(server, ann))
        assert let_through.keys() == {200, 429}
        assert 30 <= let_through[200] <= 40
        assert statuses(4, lambda _: ask(server, bob)) == {200: 4}

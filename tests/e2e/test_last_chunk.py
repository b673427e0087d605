"""Nothing is put together when the last chunk has come: it is answered in the time of any other."""

from __future__ import annotations

import os
import time
from pathlib import Path

import httpx

from tests.e2e.server import running_server

GIB = 1024**3


def test_the_last_chunk_of_a_gibibyte_is_answered_like_any_other(tmp_path: Path) -> None:
    chunk = os.urandom(5 * 1024 * 1024)
    count = GIB // len(chunk)
    took = []
    with (
        running_server(tmp_path / "data") as server,
        httpx.Client(base_url=server.url, headers=server.headers(), timeout=60) as client,
    ):
        for number in range(1, count + 1):
            began = time.perf_counter()
            answer = client.post(
                "/api/large_files",
                files={"file": chunk},
                data={"chunk": number, "total_size": count * len(chunk), "key": "timed.bin"},
            )
            took.append(time.perf_counter() - began)
            assert answer.status_code == (201 if number == count else 202), answer.text
    median = sorted(took)[len(took) // 2]
    assert took[-1] <= 2 * median + 0.02, (
        f"median {median * 1000:.1f} ms, last {took[-1] * 1000:.1f} ms"
    )

"""What Prometheus is told, and who may ask."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from coatcheck.settings import BadSettings, Settings, load
from tests.kit import Installation, installation

HERE = "http://127.0.0.1:8080"
PATH = "/-/metrics"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installation(tmp_path, rate_limits="off") as house:
        yield house


async def ask(
    house: Installation,
    headers: Mapping[str, str] | None = None,
    *,
    peer: str = "127.0.0.1",
    base: str = HERE,
) -> httpx.Response:
    transport = httpx.ASGITransport(house.app, client=(peer, 1234))
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        return await client.get(PATH, headers=headers)


async def numbers(house: Installation) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels, these in the order of their names."""
    answer = await ask(house)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_answers_uploads_claims_and_errors_are_counted_by_api_and_not_by_whose_they_are(
    house: Installation,
):
    native = "/coatcheck/v1/attachments"
    async with house.client() as client:
        made = await client.post(native, content=b"x" * 1000)
        await client.post(native, content=b"y" * 10, headers={"Repr-Digest": "sha-256=:AAAA:"})
        await client.get(f"{native}/{made.json()['id']}")
        await client.get(f"{native}/4711")
        wanted = {"container": {"kind": "post", "id": "secret"}, "attachments": [made.json()["id"]]}
        await client.post("/coatcheck/v1/claims", json=wanted)
        await client.post("/coatcheck/v1/claims", json=wanted | {"attachments": [4711]})
        await client.post("/attachments", content=b"z" * 70_000)
        await client.get("/nowhere/at/all")
    told = await numbers(house)
    assert told["coatcheck_uploads_ended_total", "native", "whole", "completed"] == 1
    assert told["coatcheck_uploads_ended_total", "campr", "whole", "completed"] == 1
    assert told["coatcheck_uploaded_bytes_total", "campr"] == 70_000
    assert told["coatcheck_uploads_in_progress",] == 0
    assert told["coatcheck_claimed_total",] == 1
    assert told["coatcheck_claims_refused_total", "not_found"] == 1
    assert told["coatcheck_errors_total", "not_found", "native"] == 2
    assert told["coatcheck_request_seconds_count", "native", f"GET {native}/{{id}}"] == 2
    assert told["coatcheck_received_bytes_total", "native"] >= 1010
    assert told["coatcheck_attachments", "claimed"] == 1
    assert told["coatcheck_attachments", "detached"] == 1
    assert told["coatcheck_attachment_bytes", "used"] == 71_000
    assert told["coatcheck_up", "database"] == told["coatcheck_up", "blobs"] == 1
    assert told["coatcheck_requests_in_progress",] == 1  # this one
    assert not [key for key in told if {"secret", "4711", "acme", "ann"} & set(key)]


async def test_sweeps_are_counted_with_what_they_have_dealt_with(house: Installation):
    async with house.client() as client:
        await client.post("/coatcheck/v1/attachments", content=b"x")
        await client.post("/coatcheck/v1/attachments", content=b"y")
    house.clock.advance(2 * 24 * 3600)
    await house.services.reaping.sweep()
    told = await numbers(house)
    assert told["coatcheck_sweeps_total", "done"] == 1
    assert told["coatcheck_swept_total", "expired"] == told["coatcheck_purged_total",] == 2
    assert told["coatcheck_last_sweep_timestamp_seconds",] == house.clock.now() / 1000


async def test_whoever_comes_from_elsewhere_or_for_somebody_else_is_not_told(house: Installation):
    assert (await ask(house)).status_code == 200
    assert (await ask(house, base="http://localhost")).status_code == 200
    assert (await ask(house, peer="::1", base="http://[::1]:80")).status_code == 200
    assert (await ask(house, peer="10.0.0.7")).status_code == 403
    assert (await ask(house, peer="10.0.0.7", base="http://10.0.0.1")).status_code == 403
    assert (await ask(house, base="http://files.example.org")).status_code == 403
    for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        assert (await ask(house, {header: "127.0.0.1"})).status_code == 403
    key = {"Authorization": f"Bearer {await house.key()}"}
    assert (await ask(house, key, peer="10.0.0.7")).status_code == 403


async def test_the_token_lets_in_from_anywhere_and_only_the_token(tmp_path: Path):
    settings = {"metrics": "token", "metrics_token": "open sesame"}
    async with installation(tmp_path, **settings) as house:
        right = {"Authorization": "Bearer open sesame"}
        assert (await ask(house, right, peer="10.0.0.7", base="http://x")).status_code == 200
        assert (await ask(house, {"Authorization": "Bearer sesame"})).status_code == 401
        assert (await ask(house)).status_code == 403


async def test_where_it_is_off_there_is_nothing_and_nothing_is_counted(tmp_path: Path):
    async with installation(tmp_path, metrics="off") as house:
        assert (await ask(house)).status_code == 404
        assert house.services.meter is None
        async with house.client() as client:
            assert (await client.post("/coatcheck/v1/attachments", content=b"x")).is_success


def test_a_token_that_is_required_has_to_be_given_and_is_never_told(
    monkeypatch: pytest.MonkeyPatch,
):
    with pytest.raises(ValueError, match="COATCHECK_METRICS_TOKEN"):
        Settings(metrics="token")
    monkeypatch.setenv("COATCHECK_METRICS", "tokens")
    monkeypatch.setenv("COATCHECK_METRICS_TOKEN", "open sesame")
    with pytest.raises(BadSettings) as refused:
        load()
    assert "open sesame" not in str(refused.value)

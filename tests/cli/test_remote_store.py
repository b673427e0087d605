"""What the commands say of a blob store behind a network."""

from __future__ import annotations

import json

import pytest

from coatcheck.settings import Settings
from tests.cli.conftest import Invoke
from tests.engines.seaweed import s3_url, shared_endpoint


def doctor(invoke: Invoke) -> dict[str, tuple[str, str]]:
    told = json.loads(invoke("doctor", "--json").stdout)
    return {each["name"]: (each["state"], each["says"]) for each in told["findings"]}


def test_doctor_tries_a_remote_store(
    invoke: Invoke, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COATCHECK_BLOBS_URL", s3_url("doctor"))
    found = doctor(invoke)
    assert found["blob store"][0] == "ok"
    assert found["blobs"][0] == "ok"


def test_doctor_says_what_is_wrong_with_a_remote_store_and_tries_no_further(
    invoke: Invoke, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_url("doctor")
    wrong = f"s3://no-such-bucket?endpoint={shared_endpoint()}&region=us-east-1"
    monkeypatch.setenv("COATCHECK_BLOBS_URL", wrong)
    found = doctor(invoke)
    state, says = found["blob store"]
    assert state == "wrong"
    assert "no bucket 'no-such-bucket'" in says
    assert "blobs" not in found


def test_serve_refuses_a_remote_store_that_refuses_it(
    invoke: Invoke, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_url("serve")
    wrong = f"s3://no-such-bucket?endpoint={shared_endpoint()}&region=us-east-1"
    monkeypatch.setenv("COATCHECK_BLOBS_URL", wrong)
    ran = invoke("serve", "--port", "0")
    assert ran.exit_code == 1
    assert "COATCHECK_BLOBS_URL: " in ran.stderr
    assert "no bucket 'no-such-bucket'" in ran.stderr


def test_a_url_that_cannot_be_is_told_without_repeating_it(
    invoke: Invoke, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COATCHECK_BLOBS_URL", "s3://key:hunter2@bucket")
    ran = invoke("sweep")
    assert ran.exit_code == 1
    assert "COATCHECK_BLOBS_URL: credentials do not belong" in ran.stderr
    assert "hunter2" not in ran.stderr

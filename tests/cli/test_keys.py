"""`coatcheck keys`: what an operator sees, and what nobody sees twice."""

from __future__ import annotations

import asyncio
import json

import pytest

from coatcheck.bootstrap import open_services
from coatcheck.domain.errors import BadCredentials
from coatcheck.domain.principal import Principal
from coatcheck.settings import Settings
from tests.cli.conftest import Invoke


def holder(settings: Settings, token: str) -> Principal:
    async def ask() -> Principal:
        async with open_services(settings) as services:
            return await services.keys.authenticate(token)

    return asyncio.run(ask())


def test_create_prints_the_token_alone(invoke: Invoke, installed: Settings) -> None:
    made = invoke("keys", "create", "--tenant", "acme", "--user", "ada", "--display", "Ada L.")

    assert made.exit_code == 0
    assert made.stderr == ""
    (token,) = made.stdout.splitlines()
    found = holder(installed, token)
    assert (found.tenant, found.login, found.display) == ("acme", "ada", "Ada L.")


def test_a_key_has_the_scopes_it_was_made_with(invoke: Invoke, installed: Settings) -> None:
    made = invoke(
        "keys", "create", "--tenant", "a", "--user", "b", "--scope", "read", "--scope", "claim"
    )
    assert holder(installed, made.stdout.strip()).scopes == {"read", "claim"}


def test_a_key_that_expires_is_listed_with_its_end(invoke: Invoke, installed: Settings) -> None:
    invoke("keys", "create", "--tenant", "a", "--user", "b", "--expires-in", "2h")

    (listed,) = json.loads(invoke("keys", "list", "--json").stdout)

    assert listed["expires_at"] - listed["created_at"] == pytest.approx(2 * 3600 * 1000, abs=5000)
    assert "live until" in invoke("keys", "list").stdout


def test_the_list_shows_who_and_never_the_key(invoke: Invoke, installed: Settings) -> None:
    token = invoke("keys", "create", "--tenant", "acme", "--user", "ada").stdout.strip()

    shown = invoke("keys", "list").stdout
    as_json = invoke("keys", "list", "--json").stdout

    assert "acme" in shown
    assert "ada" in shown
    assert token not in shown + as_json
    assert len(json.loads(as_json)[0]["hint"]) < 10


def test_a_revoked_key_is_dead_and_stays_on_the_list(invoke: Invoke, installed: Settings) -> None:
    token = invoke("keys", "create", "--tenant", "acme", "--user", "ada").stdout.strip()

    assert invoke("keys", "revoke", "1").exit_code == 0

    with pytest.raises(BadCredentials):
        holder(installed, token)
    assert "revoked" in invoke("keys", "list").stdout


def test_a_key_that_is_not_there_cannot_be_revoked(invoke: Invoke, installed: Settings) -> None:
    ended = invoke("keys", "revoke", "7")
    assert ended.exit_code == 1
    assert ended.stderr == "coatcheck: there is no live key with the id 7\n"


@pytest.mark.parametrize("duration", ["soon", "0d", "-1h", "1.5h", "10y", ""])
def test_what_is_no_duration_is_refused(invoke: Invoke, installed: Settings, duration: str) -> None:
    made = invoke("keys", "create", "--tenant", "a", "--user", "b", "--expires-in", duration)
    assert made.exit_code == 1
    assert "is no duration" in made.stderr
    assert made.stdout == ""


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[2Jb", "x" * 256])
def test_a_name_that_could_not_be_shown_is_refused(
    invoke: Invoke, installed: Settings, name: str
) -> None:
    made = invoke("keys", "create", "--tenant", name, "--user", "b")
    assert made.exit_code == 1
    assert made.stderr == "coatcheck: --tenant must be 1 to 255 printable characters\n"


def test_without_a_database_the_command_says_what_to_run_and_makes_none(
    invoke: Invoke, data_dir: object
) -> None:
    listed = invoke("keys", "list")
    assert listed.exit_code == 1
    assert "coatcheck db upgrade" in listed.stderr
    assert len(listed.stderr.splitlines()) == 1
    assert not Settings().data_dir.exists()

"""What only PostgreSQL can show: servers that go and come back, changes that wait for each other, settings in force."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text, update

from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import Contended, Invalid, OutcomeUnknown, Unavailable
from coatcheck.domain.principal import Principal
from coatcheck.repositories.engine import open_engine
from coatcheck.repositories.schema import REVISION, upgrade
from coatcheck.repositories.tables import metadata, quotas
from coatcheck.services.commands import ClaimAttachments
from coatcheck.services.contention import ATTEMPTS, persistently
from tests import deeds
from tests.core import Core, core
from tests.engines import postgres

pytestmark = pytest.mark.usefixtures("_postgres")


@pytest.fixture(scope="module")
def _postgres() -> None:
    postgres.required()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Core]:
    url = postgres.fresh_database()
    async with core(tmp_path, database_url=url, **deeds.BLOBS_ABOVE_1000) as opened:
        yield opened


@pytest.fixture
async def ann(place: Core) -> Principal:
    return await deeds.principal(place)


@asynccontextmanager
async def apart(tmp_path: Path, **settings: str) -> AsyncIterator[tuple[postgres.Postgres, Core]]:
    """An installation on a server of its own."""
    with postgres.server(**settings) as server:
        url = server.make("own", "coatcheck_template")
        async with core(tmp_path, database_url=url, **deeds.BLOBS_ABOVE_1000) as opened:
            yield server, opened


# -- schema ----------------------------------------------------------------------------------------


async def test_its_migrations_make_exactly_the_tables_of_the_metadata() -> None:
    url = postgres.bare_database()
    assert await upgrade(url) == (None, REVISION)
    assert await upgrade(url) == (REVISION, REVISION)

    def differences(connection: Connection) -> list[object]:
        options = {"compare_server_default": True, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))

    engine = create_engine(url)
    with engine.connect() as connection:
        assert differences(connection) == []
        migrated = described(connection)
    engine.dispose()
    made = create_engine(postgres.fresh_database())
    with made.connect() as connection:
        assert described(connection) == migrated
    made.dispose()


def described(connection: Connection) -> set[tuple[Any, ...]]:
    """Columns, indexes and constraints, in PostgreSQL's own words."""
    columns = "table_name, column_name, data_type, character_maximum_length, is_nullable"
    queries = (
        f"SELECT {columns} FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid), conname FROM pg_constraint",
    )
    found = {tuple(row) for query in queries for row in connection.execute(text(query))}
    return {row for row in found if "alembic_version" not in str(row)}


def test_of_several_nodes_that_migrate_at_once_one_does_and_all_succeed() -> None:
    program = (
        "import asyncio, sys; from coatcheck.repositories.schema import upgrade;"
        "print(asyncio.run(upgrade(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, postgres.bare_database()]
    nodes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    told = [node.communicate(timeout=50) for node in nodes]
    assert [node.returncode for node in nodes] == [0] * 4, told
    assert sorted(out.strip() for out, _ in told) == [str((REVISION, REVISION))] * 3 + [
        str((None, REVISION))
    ]


# -- settings --------------------------------------------------------------------------------------


async def test_every_connection_waits_for_the_disk_and_for_nothing_else_without_end() -> None:
    url = postgres.fresh_database()
    name = url.rpartition("/")[2]
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off'.encode())
    engine = open_engine(url)
    async with engine.connect() as one, engine.connect() as other:
        for opened in (one, other):
            shown = {
                name: await opened.scalar(text(f"SHOW {name}"))
                for name in ("synchronous_commit", "statement_timeout", "lock_timeout")
            }
            assert shown == {
                "synchronous_commit": "on",
                "statement_timeout": "30s",
                "lock_timeout": "10s",
            }
    await engine.dispose()


async def test_what_is_better_than_on_stays() -> None:
    url = postgres.fresh_database()
    name = url.rpartition("/")[2]
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            f'ALTER DATABASE "{name}" SET synchronous_commit = remote_apply'.encode()
        )
    engine = open_engine(url)
    async with engine.connect() as opened:
        assert await opened.scalar(text("SHOW synchronous_commit")) == "remote_apply"
    await engine.dispose()


async def test_no_server_starts_where_commits_are_not_synced(tmp_path: Path) -> None:
    async with apart(tmp_path, fsync="off") as (_, place):
        with pytest.raises(Unavailable, match="fsync is off"):
            await place.services.transactions.check()


async def test_reads_are_one_snapshot_and_can_change_nothing(place: Core, ann: Principal) -> None:
    async with place.services.transactions.read() as facts:
        before = await facts.quotas.usage(ann.id)
        await deeds.deposit(place, ann, b"meanwhile")
        assert await facts.quotas.usage(ann.id) == before
    with pytest.raises(Unavailable):
        async with place.services.transactions.read() as facts:
            await facts.quotas.charge(ann.id, 1)


# -- what cannot be kept ---------------------------------------------------------------------------


async def test_a_text_that_postgresql_has_no_room_for_is_the_senders_fault(
    place: Core, ann: Principal
) -> None:
    ref = ContainerRef("post", "a\0b")
    with pytest.raises(Invalid):
        await place.services.claims.claim(
            ClaimAttachments(caller=ann, ref=ref, wanted=(), exclusive=True)
        )


# -- the server goes and comes back ----------------------------------------------------------------


async def test_after_a_restart_nobody_notices_and_all_that_was_answered_is_there(
    tmp_path: Path,
) -> None:
    async with apart(tmp_path) as (server, place):
        ann = await deeds.principal(place)
        stored = [await deeds.deposit(place, ann, deeds.content(50, n)) for n in range(20)]
        server.kill()
        with pytest.raises(Unavailable) as told:
            await deeds.deposit(place, ann, b"while it is away")
        assert told.value.facts["retry_after"]
        assert not isinstance(told.value, OutcomeUnknown)
        server.start()
        for n, each in enumerate(stored):
            assert await deeds.bytes_of(place, ann, each) == deeds.content(50, n)
        await deeds.deposit(place, ann, b"when it is back")


async def test_a_connection_cut_in_a_transaction_is_unavailable_and_undoes_it(
    place: Core, ann: Principal
) -> None:
    async def work() -> None:
        async with place.services.transactions.write() as facts:
            assert await facts.quotas.charge(ann.id, 5)
            cut_off(place)
            await facts.quotas.charge(ann.id, 5)

    with pytest.raises(Unavailable) as told:
        await work()
    assert not isinstance(told.value, OutcomeUnknown)
    assert (await place.services.listing.holdings(ann)).usage.used == 0


async def test_a_connection_cut_at_the_commit_leaves_the_outcome_unknown(
    place: Core, ann: Principal
) -> None:
    async def work() -> None:
        async with place.services.transactions.write() as facts:
            assert await facts.quotas.charge(ann.id, 5)
            cut_off(place)

    with pytest.raises(OutcomeUnknown):
        await work()
    await deeds.deposit(place, ann, b"and it goes on")


def cut_off(place: Core) -> None:
    """Every connection of the installation, as a proxy or a failover would."""
    with psycopg.connect(place.settings.database_url.replace("+psycopg", "")) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


# -- changes that wait for each other --------------------------------------------------------------


async def test_of_two_that_wait_for_each_other_one_is_undone_and_done_again(
    place: Core, ann: Principal
) -> None:
    bob = await deeds.principal(place, login="bob")
    met = asyncio.Barrier(2)
    attempts: list[int] = []

    async def charge(first: Principal, second: Principal) -> None:
        async def attempt() -> None:
            attempts.append(first.id)
            async with place.services.transactions.write() as facts:
                await facts.quotas.charge(first.id, 1)
                if len(attempts) <= 2:  # of those that are done again one goes alone
                    await met.wait()
                await facts.quotas.charge(second.id, 1)

        await persistently(attempt)

    await asyncio.gather(charge(ann, bob), charge(bob, ann))

    assert len(attempts) == 3
    for each in (ann, bob):
        assert (await place.services.listing.holdings(each)).usage.used == 2


async def test_whoever_loses_again_and_again_is_told_to_come_back() -> None:
    tried = 0

    async def attempt() -> None:
        nonlocal tried
        tried += 1
        raise Contended(retry_after=1)

    with pytest.raises(Contended):
        await persistently(attempt)
    assert tried == ATTEMPTS


async def test_a_lock_is_not_waited_for_without_end(tmp_path: Path) -> None:
    url = postgres.fresh_database()
    async with core(tmp_path, database_url=url, database_lock_timeout=1) as place:
        ann = await deeds.principal(place)
        async with place.engine.begin() as other:
            await other.execute(update(quotas).values(used=quotas.c.used))
            with pytest.raises(Unavailable):
                await deeds.deposit(place, ann, b"x")
        await deeds.deposit(place, ann, b"x")


async def test_one_request_sent_twice_at_once_is_carried_out_once(
    place: Core, ann: Principal
) -> None:
    made = await deeds.deposit(place, ann, b"x")
    posts = [
        deeds.a_post(ann, made, exclusive=True, request=deeds.request_id("p")) for _ in range(8)
    ]
    outcomes = await asyncio.gather(*(place.services.containers.create(each) for each in posts))
    assert len({each.id for each in outcomes}) == 1


async def test_one_container_claims_the_same_many_times_at_once(
    place: Core, ann: Principal
) -> None:
    made = [await deeds.deposit(place, ann, deeds.content(20, n)) for n in range(4)]
    ref = ContainerRef("draft", "1")

    def claim(number: int) -> Awaitable[object]:
        order = made[number % 4 :] + made[: number % 4]
        wanted = tuple(Wanted(reference=ById(each.id)) for each in order)
        return place.services.claims.claim(
            ClaimAttachments(caller=ann, ref=ref, wanted=wanted, exclusive=True)
        )

    await asyncio.gather(*(claim(number) for number in range(12)))
    held = await place.services.claims.held(ann, ref)
    assert sorted(each.attachment.id for each in held) == [each.id for each in made]
    assert sorted(each.position for each in held) == [0, 1, 2, 3]


async def test_the_quota_holds_however_many_come_at_once(tmp_path: Path) -> None:
    url = postgres.fresh_database()
    async with core(tmp_path, database_url=url, quota_bytes=100) as place:
        ann = await deeds.principal(place)

        async def take() -> bool:
            async with place.services.transactions.write() as facts:
                return await facts.quotas.charge(ann.id, 10)

        outcomes = await asyncio.gather(*(take() for _ in range(30)))
        assert sum(outcomes) == 10
        assert (await place.services.listing.holdings(ann)).usage.used == 100


async def test_versions_that_are_made_at_once_follow_each_other(
    place: Core, ann: Principal
) -> None:
    """Without a version of its own, a change is upon whatever is newest: none of them is refused."""
    post = await deeds.post(place, ann)
    changes = [place.services.containers.amend(deeds.amendment(ann, post.ref)) for _ in range(6)]
    amended = await asyncio.gather(*changes)
    assert sorted(each.version for each in amended) == [2, 3, 4, 5, 6, 7]


async def test_sweeps_at_once_share_the_work(place: Core, ann: Principal) -> None:
    for n in range(30):
        await deeds.deposit(place, ann, deeds.content(20, n), lifetime=1000)
    place.clock.advance(62)
    sweeps = await asyncio.gather(*(place.services.reaping.sweep() for _ in range(4)))
    assert sum(len(sweep.expired) for sweep in sweeps) == 30
    assert sum(len(sweep.purged) for sweep in sweeps) == 30
    assert (await place.services.listing.holdings(ann)).usage.used == 0


async def test_keys_of_a_new_tenant_can_be_made_at_once(place: Core) -> None:
    make = place.services.keys.create
    keys = await asyncio.gather(*(make(tenant="new", login="eve") for _ in range(6)))
    who = {(await place.services.keys.authenticate(key)).id for key in keys}
    assert len(who) == 1

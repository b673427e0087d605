"""Composition root: Settings become Services and an app. The only module that knows every concrete class."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from coatcheck import faultpoints
from coatcheck.blobs import open_store
from coatcheck.blobs.base import BlobStore, LocalPath, Remote, StoreRefuses
from coatcheck.blobs.moving import MovingBlobStore
from coatcheck.clock import SystemClock
from coatcheck.domain.errors import CoatcheckError, Unavailable
from coatcheck.host import network_file_system, this_host
from coatcheck.imaging.dimensions import HeaderProbe
from coatcheck.imaging.thumbnails import open_imaging
from coatcheck.observing import Observing
from coatcheck.reaper import Reaper
from coatcheck.repositories.engine import file_of, open_engine
from coatcheck.repositories.postgresql import Patience
from coatcheck.repositories.transactions import Transactions
from coatcheck.services.availability import Availability
from coatcheck.services.belonging import Belonging
from coatcheck.services.bundle import Services
from coatcheck.services.checking import Checking
from coatcheck.services.claims import Claims
from coatcheck.services.commands import Limits
from coatcheck.services.completing import Completing
from coatcheck.services.containers import Containers
from coatcheck.services.deleting import Deleting
from coatcheck.services.details import Details
from coatcheck.services.digests import Digests
from coatcheck.services.direct_uploads import DirectUploads
from coatcheck.services.downloads import Downloads
from coatcheck.services.failed_uploads import FailedUploads
from coatcheck.services.folders import Folders
from coatcheck.services.form_uploads import FormUploads
from coatcheck.services.hosting import Hosting
from coatcheck.services.keys import Keys
from coatcheck.services.listing import Listing
from coatcheck.services.moving import Moving
from coatcheck.services.people import People
from coatcheck.services.ports import Clock
from coatcheck.services.purging import Purging
from coatcheck.services.rationing import Rationing
from coatcheck.services.reaping import Reaping
from coatcheck.services.recorder import Recorder
from coatcheck.services.replaying import Replaying
from coatcheck.services.running_digests import RunningDigests
from coatcheck.services.slotting import Slotting
from coatcheck.services.thumbnails import Thumbnails
from coatcheck.services.tree import Tree
from coatcheck.services.turn import Turn
from coatcheck.services.uploads import Uploads
from coatcheck.settings import Settings
from coatcheck.web.app import build_app
from coatcheck.web.dialects import LASTING
from coatcheck.wire import wire_config as wire_config

log = logging.getLogger(__name__)


class CannotOpen(Exception):
    """A setting names a database or a store that cannot be opened; says which, and why."""


@asynccontextmanager
async def open_services(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Services]:
    """Everything, open; closed at the end of the block. The database must have been migrated. Raises CannotOpen."""
    clock = clock or SystemClock()
    if settings.faults:
        with _naming("COATCHECK_FAULTS"):
            faultpoints.arm(settings.faults)
    engine = open_database(settings)
    transactions = Transactions(
        engine, quota_bytes=settings.quota_bytes, quota_count=settings.quota_count
    )
    blobs = _open_blobs(settings)
    limits = Limits(
        inline_max=settings.inline_max,
        lease=settings.upload_lease * 1000,
        max_open_uploads=settings.max_open_uploads,
        max_parts=settings.max_parts,
        detached=settings.detached_ttl * 1000,
        lasting=LASTING,
        longest=settings.longest_ttl * 1000,
        url_life=settings.upload_url_ttl * 1000,
    )
    observing = Observing(settings, clock, file_of(settings.effective_database_url))
    room, witness = observing.room, observing.witness
    running = RunningDigests(transactions, blobs)
    digests = Digests(transactions, running)
    downloads = Downloads(transactions, blobs, clock, digests)
    thumbnails = Thumbnails(transactions, downloads, open_imaging(settings.thumbnail_max_pixels))
    replaying = Replaying(transactions, clock, limits)
    rationing = Rationing(transactions, clock)
    availability = Availability(transactions, blobs, limits)
    purging = Purging(transactions, blobs, clock, limits, witness)
    slotting = Slotting(transactions, blobs, clock, limits)
    direct_uploads = DirectUploads(
        transactions=transactions,
        blobs=blobs,
        clock=clock,
        limits=limits,
        replaying=replaying,
        slotting=slotting,
        running=running,
        completing=Completing(transactions, clock, running, purging),
        purging=purging,
        room=room,
        witness=witness,
    )
    reaping = Reaping(
        transactions=transactions,
        blobs=blobs,
        clock=clock,
        limits=limits,
        purging=purging,
        digests=digests,
        witness=witness,
    )
    try:
        yield Services(
            uploads=Uploads(
                transactions=transactions,
                recorder=Recorder(transactions),
                blobs=blobs,
                clock=clock,
                limits=limits,
                running=running,
                purging=purging,
                room=room,
                witness=witness,
                probe=HeaderProbe,
            ),
            direct_uploads=direct_uploads,
            form_uploads=FormUploads(blobs, limits, direct_uploads, slotting),
            downloads=downloads,
            thumbnails=thumbnails,
            details=Details(transactions, clock),
            deleting=Deleting(transactions, clock, downloads, purging, witness),
            listing=Listing(transactions, clock, digests),
            failed_uploads=FailedUploads(transactions, clock),
            folders=Folders(transactions, clock),
            tree=Tree(transactions, clock, purging, witness),
            containers=Containers(
                transactions, clock, limits, digests, purging, replaying, witness
            ),
            claims=Claims(transactions, clock, limits, digests, purging, replaying, witness),
            keys=Keys(transactions, clock, witness),
            people=People(transactions),
            rationing=rationing,
            reaping=reaping,
            checking=Checking(
                transactions=transactions,
                blobs=blobs,
                clock=clock,
                limits=limits,
                reaping=reaping,
                patience=10 * settings.reap_every * 1000,
                witness=witness,
            ),
            availability=availability,
            belonging=Belonging(transactions, blobs),
            hosting=Hosting(
                transactions,
                clock,
                this_host(),
                alone=settings.allow_network_filesystem == "off"
                and (engine.dialect.name == "sqlite" or _is_a_folder(blobs)),
            ),
            moving=Moving(
                transactions, Turn(transactions, clock, "moving"), old=blobs.old, new=blobs.new
            )
            if isinstance(blobs, MovingBlobStore)
            else None,
            running=running,
            room=room,
            witness=witness,
            meter=observing.meter(transactions, availability),
            transactions=transactions,
            blobs=blobs,
            clock=clock,
        )
    finally:
        for each in (rationing, availability, thumbnails, running):
            await each.close()
        if isinstance(blobs, Remote):
            await blobs.close()
        await engine.dispose()


def open_database(settings: Settings) -> AsyncEngine:
    """Raises CannotOpen."""
    with _naming("COATCHECK_DATABASE_URL" if settings.database_url else "COATCHECK_DATA_DIR"):
        _refuse_network_file_system(settings)
        return open_engine(
            settings.effective_database_url,
            pool=settings.database_pool,
            patience=Patience(
                connect=settings.database_connect_timeout,
                statement=settings.database_statement_timeout,
                lock=settings.database_lock_timeout,
                idle=settings.database_idle_timeout,
            ),
        )


@contextmanager
def _naming(setting: str) -> Iterator[None]:
    """What goes wrong in the block is told with the setting that is to be changed: raises CannotOpen."""
    try:
        yield
    except ImportError as error:
        extra = "S3 needs the extra `s3`: pip install -c constraints.txt '.[s3]' in a checkout"
        raise CannotOpen(f"{setting}: {error}; {extra}") from error
    except (ValueError, OSError) as error:
        raise CannotOpen(f"{setting}: {error}") from error


def _refuse_network_file_system(settings: Settings) -> None:
    """For SQLite, which would trust locks that are none. Raises ValueError."""
    file = file_of(settings.effective_database_url)
    if file is None or settings.allow_network_filesystem == "on":
        return
    if kind := network_file_system(file):
        raise ValueError(
            f"{file} lies on a network file system ({kind}), where SQLite can lose or mix up what it is given."
            " Put it on a local disk, or use PostgreSQL; see COATCHECK_ALLOW_NETWORK_FILESYSTEM"
        )


def _open_blobs(settings: Settings) -> BlobStore:
    with _naming("COATCHECK_BLOBS_URL" if settings.blobs_url else "COATCHECK_DATA_DIR"):
        if not settings.blobs_url:
            settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        store = open_store(settings.effective_blobs_url)
    if not settings.blobs_from:
        return store
    with _naming("COATCHECK_BLOBS_FROM"):
        if settings.blobs_from == settings.effective_blobs_url:
            raise ValueError("blobs cannot move from a store to itself")
        return MovingBlobStore(new=store, old=open_store(settings.blobs_from))


def _is_a_folder(store: BlobStore) -> bool:
    if isinstance(store, MovingBlobStore):
        return _is_a_folder(store.new) or _is_a_folder(store.old)
    return isinstance(store, LocalPath)


async def check_blobs(services: Services) -> None:
    """Raises CannotOpen where a remote store will not let us in, or belongs to another database.

    One that is only away is waited for, by serving.
    """
    try:
        if isinstance(services.blobs, Remote):
            await services.blobs.check()
        await services.belonging.check()
    except StoreRefuses as error:
        raise CannotOpen(f"COATCHECK_BLOBS_URL: {error.detail}") from error
    except Unavailable as error:
        log.warning("until it does, bytes are refused with 503: %s", in_full(error))


def in_full(error: CoatcheckError) -> str:
    """What clients are told, and what only the operator is: the words of the database, or of the disk with the path."""
    reason = getattr(error.__cause__, "orig", error.__cause__)
    return f"{error.detail} ({' '.join(str(reason).split())})" if reason else error.detail


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> FastAPI:
    """The whole server as one ASGI app; it opens its stores, and starts its reaper, when it is started."""
    settings = settings or Settings()
    return build_app(wire_config(settings), lambda app: serving(app, settings, clock))


@asynccontextmanager
async def serving(
    app: FastAPI, settings: Settings, clock: Clock | None = None
) -> AsyncIterator[None]:
    """The app has what it serves with, for this block."""
    async with (
        open_services(settings, clock) as services,
        Reaper.watchful(
            services.reaping, services.clock, services.witness, every=settings.reap_every
        ),
    ):
        await services.transactions.check()
        await check_blobs(services)
        async with services.hosting.held():
            app.state.services = services
            async with services.meter.running() if services.meter else nullcontext():
                yield

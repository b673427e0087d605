"""The targets: each with its goal. A goal is a bar without an aim beyond it."""

from __future__ import annotations

from bench.bars import AtLeast, AtMost
from bench.rows import OURS, Row
from bench.targets import connections, lasting, loads, memory, outages, pages, pulse, stopping
from bench.workloads.deposits import OneFile
from bench.workloads.remembering import AtRest, PerUpload


def at_least(goal: float) -> AtLeast:
    return AtLeast(goal, goal)


def at_most(goal: float) -> AtMost:
    return AtMost(goal, goal)


ROWS = (
    Row(
        name="uploads-sqlite",
        what="64 KiB uploads, 32 connections, SQLite and a folder",
        subject=loads.Uploads(database="SQLite"),
        bar=at_least(400),
        detail_bars={loads.P99: at_most(250)},
        pairs=3,
        warm_up=False,
    ),
    Row(
        name="uploads-postgresql",
        what="64 KiB uploads, 32 connections, PostgreSQL and a folder",
        subject=loads.Uploads(database="PostgreSQL"),
        bar=at_least(250),
        pairs=3,
        warm_up=False,
    ),
    Row(
        name="stream-raw",
        what="one upload of 1 GiB",
        subject=OneFile(peer=OURS),
        bar=at_least(100),
        pairs=3,
    ),
    Row(
        name="stream-form",
        what="one upload of 1 GiB in a form",
        subject=OneFile(peer=OURS, way="form"),
        bar=at_least(60),
        pairs=3,
    ),
    Row(
        name="memory-uploads",
        what="memory that each of 16 uploads adds",
        subject=PerUpload(clients="fast"),
        bar=at_most(4),
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="memory-by-size",
        what="peak of memory with 1 GiB above that with 1 MiB",
        subject=memory.BySize(),
        bar=at_most(1),
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="memory-rest",
        what="memory at rest",
        subject=AtRest(),
        bar=at_most(120),
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="memory-full",
        what="memory with 64 uploads and 500 slow clients",
        subject=memory.Full(),
        bar=at_most(400),
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="memory-slow-disk",
        what="memory that an upload adds where each write takes 0.2 s",
        subject=memory.SlowDisk(),
        bar=at_most(1),
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="crowd",
        what="99 % of fast uploads, beside 2,000 idle connections and 500 slow clients, and alone",
        subject=loads.Fast(crowd=True),
        rival=loads.Fast(crowd=False),
        bar=at_most(2),
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="stalled",
        what="how long clients are waited for that stall",
        subject=connections.Stalled(),
        bar=at_most(36),
        detail_bars={
            "silent": at_most(12),
            "stalled in its head": at_most(12),
            "stalled in its body": at_most(36),
        },
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="descriptors",
        what="descriptors that an upload has open; and after 5,000 that were aborted",
        subject=connections.Descriptors(),
        bar=at_most(3),
        detail_bars={
            "a download": at_most(2),
            "left of the aborted": at_most(0),
            "s until then": at_most(1),
        },
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="pulse",
        what="how long the event loop is held up at most, with uploads at their most",
        subject=pulse.Held(),
        bar=at_most(100),
        detail_bars={"99.9 % within, ms": at_most(20)},
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="drain",
        what="from the stop signal to the exit, with uploads in hand",
        subject=stopping.Drain(),
        bar=at_most(35),
        detail_bars={"listener closed, s": at_most(1), "second signal, s": at_most(1)},
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="start",
        what="ready after kill -9, with 100,000 attachments and 10,000 unfinished files",
        subject=stopping.Start(),
        bar=at_most(3),
        detail_bars={"after a stop, s": at_most(3)},
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="away-database",
        what="how long a refusal takes while the database is away",
        subject=outages.Away(what="database"),
        bar=at_most(3),
        detail_bars={outages.BACK: at_most(5), outages.LOST: at_most(0)},
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="away-store",
        what="how long a refusal takes while the S3 store is away",
        subject=outages.Away(what="store"),
        bar=at_most(30),
        detail_bars={outages.BACK: at_most(5), outages.LOST: at_most(0)},
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="disk-full",
        what="how long a refusal takes for which there is no room",
        subject=outages.DiskFull(),
        bar=at_most(3),
        detail_bars={outages.BACK: at_most(5), outages.LOST: at_most(0)},
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="expiring",
        what="10,000 expired attachments go, while 32 connections leave others",
        subject=pages.Expiring(),
        bar=at_most(60),
        detail_bars={pages.UPLOADS: at_most(2)},
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="pages",
        what="a page of ten among a million attachments, 99 % within",
        subject=pages.Page(),
        bar=at_most(30),
        detail_bars={pages.DEEP: at_most(300)},
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="nodes",
        what="uploads through four nodes on one PostgreSQL, and through two",
        subject=loads.Nodes(count=4),
        rival=loads.Nodes(count=2),
        bar=at_least(1),
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="soak",
        what="growth of memory, with kills every 20 s; nothing promised is lost",
        subject=lasting.Soak(),
        bar=at_most(1),
        detail_bars={lasting.DESCRIPTORS: at_most(3)},
        pairs=1,
        warm_up=False,
    ),
)

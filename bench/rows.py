"""What is measured: every row against whom, its bar, and its aim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.bars import AtLeast, AtMost, Bar
from bench.measuring import Workload
from bench.workloads import chunked
from bench.workloads import reaping as reaped
from bench.workloads.chunked import Chunks, ParallelRanges
from bench.workloads.crowded import Claiming, Listing
from bench.workloads.deposits import ManyFiles, Mixed, OneFile
from bench.workloads.digesting import Digest
from bench.workloads.downloads import SmallReads, WholeFile
from bench.workloads.reaping import Reaping
from bench.workloads.remembering import AtRest, PerUpload, WithLargeFile


@dataclass(frozen=True, kw_only=True)
class Row:
    """`bar` holds for the ratio subject ÷ rival; where there is no rival, for the figure itself.

    `detail_bars` hold for details of the subject, by name. `pairs`: no more than so many are worth their time.
    """

    name: str
    what: str
    subject: Workload
    rival: Workload | None = None
    bar: Bar | None = None
    detail_bars: Mapping[str, Bar] = field(default_factory=dict)
    pairs: int | None = None
    warm_up: bool = True


OURS = "coatcheck"
TWO = "coatcheck --workers 2"
UVICORN = "coatcheck --server uvicorn"
NGINX = "nginx"
TUS = "@tus/server"
UPLOADFILE = "FastAPI UploadFile"
COMMIT = "FastAPI commit"

ROWS = (
    Row(
        name="raw-nginx",
        what="1 GiB deposit, SHA-256, synced; nginx: PUT",
        subject=OneFile(peer=OURS),
        rival=OneFile(peer=NGINX),
        bar=AtLeast(0.8, 1.0),
    ),
    Row(
        name="raw-tus",
        what="1 GiB deposit; @tus/server: creation with upload",
        subject=OneFile(peer=OURS),
        rival=OneFile(peer=TUS),
        bar=AtLeast(1.5, 2.5),
    ),
    Row(
        name="raw-uvicorn",
        what="1 GiB deposit under uvicorn, and under Granian",
        subject=OneFile(peer=UVICORN),
        rival=OneFile(peer=OURS),
    ),
    Row(
        name="campr-digest",
        what="1 GiB campr deposit; SHA3-256 of the same bytes on one core",
        subject=OneFile(peer=OURS, way="campr"),
        rival=Digest(algorithm="sha3_256"),
        bar=AtLeast(0.8, 0.95),
    ),
    Row(
        name="form-uploadfile",
        what="96 MiB multipart form; FastAPI's UploadFile",
        subject=OneFile(peer=OURS, size="medium", way="form"),
        rival=OneFile(peer=UPLOADFILE, size="medium", way="form"),
        bar=AtLeast(2, 4),
    ),
    Row(
        name="form-raw",
        what="96 MiB multipart form, and the same bytes raw",
        subject=OneFile(peer=OURS, size="medium", way="form"),
        rival=OneFile(peer=OURS, size="medium"),
        bar=AtLeast(0.75, 0.9),
    ),
    Row(
        name="chunks-raw",
        what="1 GiB in chunks of 5 MiB, one after another, and at once",
        subject=Chunks(peer=OURS),
        rival=OneFile(peer=OURS),
        bar=AtLeast(0.6, 0.8),
        detail_bars={chunked.LAST: AtMost(2, 1)},
    ),
    Row(
        name="chunks-parallel",
        what="1 GiB in campr ranges of 5 MiB, four at a time, and at once",
        subject=ParallelRanges(peer=OURS),
        rival=OneFile(peer=OURS, way="campr"),
    ),
    Row(
        name="small-32-tus",
        what="10 KiB deposits, 32 connections",
        subject=ManyFiles(peer=OURS, connections=32),
        rival=ManyFiles(peer=TUS, connections=32),
        bar=AtLeast(3.5, 6),
    ),
    Row(
        name="small-32-commit",
        what="10 KiB deposits, 32 connections; a commit a request",
        subject=ManyFiles(peer=OURS, connections=32),
        rival=ManyFiles(peer=COMMIT, connections=32),
        bar=AtLeast(5, 10),
    ),
    Row(
        name="small-1-tus",
        what="10 KiB deposits, 1 connection",
        subject=ManyFiles(peer=OURS, connections=1),
        rival=ManyFiles(peer=TUS, connections=1),
        bar=AtLeast(1.0, 2.0),
    ),
    Row(
        name="small-sustained-nginx",
        what="10 KiB deposits, 1 connection, after 30 s of load; nginx: PUT",
        subject=ManyFiles(peer=OURS, connections=1, sustained=True),
        rival=ManyFiles(peer=NGINX, connections=1, sustained=True),
        bar=AtLeast(0.5, 1.0),
        warm_up=False,
    ),
    Row(
        name="small-128-tus",
        what="10 KiB deposits, 128 connections",
        subject=ManyFiles(peer=OURS, connections=128),
        rival=ManyFiles(peer=TUS, connections=128),
    ),
    Row(
        name="inlined-32-tus",
        what="64 KiB deposits, 32 connections",
        subject=ManyFiles(peer=OURS, connections=32, size="inlined"),
        rival=ManyFiles(peer=TUS, connections=32, size="inlined"),
    ),
    Row(
        name="small-32-workers",
        what="10 KiB deposits, 32 connections, by two workers and by one",
        subject=ManyFiles(peer=TWO, connections=32),
        rival=ManyFiles(peer=OURS, connections=32),
    ),
    Row(
        name="small-32-uvicorn",
        what="10 KiB deposits, 32 connections, under uvicorn and under Granian",
        subject=ManyFiles(peer=UVICORN, connections=32),
        rival=ManyFiles(peer=OURS, connections=32),
    ),
    Row(
        name="mixed",
        what="10 KiB deposits, each claimed or (1 in 5) deleted, 32 connections",
        subject=Mixed(peer=OURS, connections=32),
    ),
    Row(
        name="download-nginx",
        what="1 GiB download; nginx: sendfile",
        subject=WholeFile(peer=OURS),
        rival=WholeFile(peer=NGINX),
        bar=AtLeast(0.7, 1.0),
    ),
    Row(
        name="download-small-nginx",
        what="10 KiB downloads, 32 connections",
        subject=SmallReads(peer=OURS, connections=32),
        rival=SmallReads(peer=NGINX, connections=32),
    ),
    Row(
        name="download-ranges-nginx",
        what="ranges of 10 KiB of a 96 MiB file, 32 connections",
        subject=SmallReads(peer=OURS, connections=32, ranged=True),
        rival=SmallReads(peer=NGINX, connections=32, ranged=True),
    ),
    Row(
        name="list-native",
        what="a page of the native list, among 1 million attachments and 1 thousand",
        subject=Listing(rows="many", path="/coatcheck/v1/attachments?limit=50"),
        rival=Listing(rows="few", path="/coatcheck/v1/attachments?limit=50"),
        bar=AtMost(1.5, 1.1),
    ),
    Row(
        name="list-campr",
        what="a page of campr's list, among 1 million attachments and 1 thousand",
        subject=Listing(rows="many", path="/attachments?limit=50"),
        rival=Listing(rows="few", path="/attachments?limit=50"),
        bar=AtMost(1.5, 1.1),
    ),
    Row(
        name="claim",
        what="a claim of ten, among 1 million attachments and 1 thousand",
        subject=Claiming(rows="many"),
        rival=Claiming(rows="few"),
        bar=AtMost(1.5, 1.1),
    ),
    Row(
        name="reap",
        what="100 000 expired attachments reaped while 32 connections leave others",
        subject=Reaping(),
        bar=AtLeast(3_000, 10_000),
        detail_bars={reaped.KEPT: AtLeast(0.5, 0.9)},
        pairs=2,
        warm_up=False,
    ),
    Row(
        name="memory-rest",
        what="memory at rest: the worker",
        subject=AtRest(),
        pairs=1,
        warm_up=False,
    ),
    Row(
        name="memory-large",
        what="memory at most around a 1 GiB deposit: the worker",
        subject=WithLargeFile(),
        bar=AtMost(150, 100),
        pairs=2,
        warm_up=False,
    ),
    Row(
        name="memory-uploads",
        what="memory that each of 16 uploads of 96 MiB adds to a worker at rest",
        subject=PerUpload(clients="fast"),
        bar=AtMost(4, 2),
        pairs=2,
        warm_up=False,
    ),
    Row(
        name="memory-slow",
        what="memory that each of 500 clients of 1 KiB/s adds to a worker at rest",
        subject=PerUpload(clients="slow"),
        bar=AtMost(4, 0.5),
        pairs=2,
        warm_up=False,
    ),
)

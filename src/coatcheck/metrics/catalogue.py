"""Every metric there is. Labels are words of ours, never a tenant, a principal, an id or a path that a client sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: A gauge of several workers is the sum of those that live, or the greatest that any had.
Kind = Literal["counter", "histogram", "sum", "greatest"]

_LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STALLS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SWEEPS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800)


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """Its identity is its key, which is cheap. `buckets` are the upper bounds of a histogram, in seconds."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


REQUESTS = Metric(
    "coatcheck_requests_total", "counter", "Requests answered.", ("dialect", "status")
)
REQUEST_SECONDS = Metric(
    "coatcheck_request_seconds",
    "histogram",
    "Time from a request's head to the end of its answer.",
    ("dialect", "route"),
    _LATENCIES,
)
REQUESTS_IN_PROGRESS = Metric("coatcheck_requests_in_progress", "sum", "Requests in hand.")
RECEIVED = Metric(
    "coatcheck_received_bytes_total", "counter", "Bytes of requests' bodies.", ("dialect",)
)
SENT = Metric("coatcheck_sent_bytes_total", "counter", "Bytes of answers' bodies.", ("dialect",))
ERRORS = Metric(
    "coatcheck_errors_total", "counter", "Requests answered with an error.", ("dialect", "code")
)
UPLOADS_BEGUN = Metric(
    "coatcheck_uploads_begun_total", "counter", "Attempts at uploads.", ("dialect", "kind")
)
UPLOADS_ENDED = Metric(
    "coatcheck_uploads_ended_total",
    "counter",
    "Attempts at uploads that have ended.",
    ("dialect", "kind", "outcome"),
)
UPLOADS_IN_PROGRESS = Metric("coatcheck_uploads_in_progress", "sum", "Attempts at work.")
UPLOADED = Metric(
    "coatcheck_uploaded_bytes_total", "counter", "Bytes of completed attachments.", ("dialect",)
)
LEASES_LOST = Metric(
    "coatcheck_leases_lost_total", "counter", "Attempts that outlived their lease.", ("dialect",)
)
CLAIMED = Metric("coatcheck_claimed_total", "counter", "Attachments that a container took.")
CLAIMS_REFUSED = Metric(
    "coatcheck_claims_refused_total", "counter", "Attachments not to be had, and why.", ("reason",)
)
RELEASES = Metric("coatcheck_releases_total", "counter", "Times that a container gave up.")
DELETED = Metric("coatcheck_deleted_total", "counter", "Attachments deleted by their owners.")
PURGED = Metric("coatcheck_purged_total", "counter", "Attachments whose bytes are gone.")
SWEEPS = Metric("coatcheck_sweeps_total", "counter", "Sweeps of the reaper.", ("result",))
SWEEP_SECONDS = Metric(
    "coatcheck_sweep_seconds", "histogram", "How long a sweep took.", (), _SWEEPS
)
SWEPT = Metric("coatcheck_swept_total", "counter", "What sweeps have dealt with.", ("what",))
LAST_SWEEP = Metric(
    "coatcheck_last_sweep_timestamp_seconds", "greatest", "When the last sweep succeeded."
)
CLOCK_JUMPS = Metric(
    "coatcheck_clock_jumps_total", "counter", "Jumps of this machine's clock.", ("direction",)
)
STALLS = Metric(
    "coatcheck_loop_stall_seconds",
    "histogram",
    "How late a worker's event loop came to a beat that is due every 10 ms.",
    (),
    _STALLS,
)
WORST_STALL = Metric(
    "coatcheck_loop_stall_worst_seconds", "greatest", "The latest beat since the start."
)
OPEN_FILES = Metric(
    "coatcheck_open_files", "sum", "Open files and connections, as the system counts."
)
WORKERS = Metric("coatcheck_workers", "sum", "Workers of this server that are there.")
UP = Metric("coatcheck_up", "greatest", "1 while it answers, else 0.", ("dependency",))
ATTACHMENTS = Metric(
    "coatcheck_attachments", "greatest", "Attachments on record, a minute old at most.", ("state",)
)
ATTACHMENT_BYTES = Metric(
    "coatcheck_attachment_bytes",
    "greatest",
    "Bytes charged to owners, a minute old at most.",
    ("what",),
)
DISK_FREE = Metric("coatcheck_disk_free_bytes", "greatest", "Bytes free where it lies.", ("place",))
DISK_RESERVE = Metric(
    "coatcheck_disk_reserve_bytes", "greatest", "Free bytes below which uploads are refused."
)
INFO = Metric("coatcheck_info", "greatest", "1, with the version.", ("version",))

CATALOGUE: tuple[Metric, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Metric)
)

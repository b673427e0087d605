"""Settings: the only reader of the environment. Every one is documented in `.env.example`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_MIB = 1024 * 1024
_GIB = 1024 * _MIB
_HOUR = 3600

#: The Campr protocol requires servers to keep a detached file at least this long, in seconds.
CAMPR_FLOOR = 2 * _HOUR


#: As browsers write it (RFC 6454 §6), also those of extensions.
_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#@\s]+")


class BadSettings(Exception):
    """Says of each variable that cannot be what is wrong with it."""


class Settings(BaseSettings):
    """Frozen. Sizes in bytes, durations in seconds; 0 is «no limit» where the text says so."""

    model_config = SettingsConfigDict(env_prefix="COATCHECK_", frozen=True, extra="ignore")

    data_dir: Path = Field(Path("data"), description="Where database and blobs are kept.")
    database_url: str = Field("", description="URL; empty: SQLite in the data directory.")
    database_pool: int = Field(
        8, ge=1, le=1000, description="Most connections of one worker to the database."
    )
    database_connect_timeout: int = Field(
        5, ge=1, description="How long PostgreSQL may take to answer a new connection."
    )
    database_statement_timeout: int = Field(
        30, ge=0, description="How long PostgreSQL may work on one statement; 0: no limit."
    )
    database_lock_timeout: int = Field(
        10, ge=0, description="How long PostgreSQL may wait for one lock; 0: no limit."
    )
    database_idle_timeout: int = Field(
        60, ge=0, description="How long a transaction on PostgreSQL may pause; 0: no limit."
    )
    blobs_url: str = Field(
        "",
        description="file:///absolute/directory or s3://bucket/prefix; empty: a folder in the data directory.",
    )
    blobs_from: str = Field(
        "", description="URL of the store that blobs are moving from; empty: they are not moving."
    )
    allow_network_filesystem: Literal["on", "off"] = Field(
        "off",
        description="Whether SQLite may lie on a network file system, and a folder there may serve several hosts.",
    )
    redirect_downloads: Literal["on", "off"] = Field(
        "off",
        description="Whether whole files are downloaded from the S3 store itself, by a link that expires.",
    )
    public_url: str = Field(
        "",
        description="Scheme, host and port that clients see; empty: taken from each request's Host header.",
    )
    dialects: Annotated[tuple[str, ...], NoDecode] = Field(
        ("campr", "attachfast", "tracker", "openproject", "chat", "native"),
        description="Which APIs are served, separated by commas.",
    )

    detached_ttl: int = Field(
        24 * _HOUR, ge=CAMPR_FLOOR, description="How long a detached attachment is kept."
    )
    detached_ttl_max: int = Field(
        7 * 24 * _HOUR,
        ge=60,
        description="How far ahead Coatcheck's own API may put the end of a detached attachment.",
    )
    partial_ttl: int = Field(
        24 * _HOUR, ge=60, description="How long an unfinished chunked upload is kept."
    )
    tracker_temp_ttl: int = Field(
        24 * _HOUR, ge=60, description="How long a temporary file of Tracker's API is kept."
    )
    openproject_ttl: int = Field(
        3 * _HOUR, ge=60, description="How long OpenProject's API keeps what no container claims."
    )
    max_size: int = Field(5 * _GIB, ge=1, description="Largest attachment.")
    tracker_max_size: int = Field(
        _GIB, ge=1, description="Largest attachment that comes through Tracker's API."
    )
    openproject_max_size: int = Field(
        5 * _MIB, ge=1, description="Largest attachment that comes through OpenProject's API."
    )
    max_chunk_size: int = Field(
        100 * _MIB, ge=1, description="Largest chunk of attach.fast's large_files."
    )
    inline_max: int = Field(
        64 * 1024, ge=0, le=_MIB, description="Up to this size, bytes are kept in the database."
    )
    disk_reserve: int = Field(
        64 * _MIB, ge=0, description="Free bytes below which uploads are refused; 0: none are kept."
    )
    max_open_uploads: int = Field(100, ge=1, description="Unfinished chunked uploads of one owner.")
    max_parts: int = Field(10_000, ge=1, description="Parts of one chunked upload.")
    quota_bytes: int = Field(0, ge=0, description="Bytes one owner may keep; 0: no limit.")
    quota_count: int = Field(0, ge=0, description="Attachments one owner may keep; 0: no limit.")
    allowed_types: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Media types that attach.fast accepts, such as image/png or image/*; empty: all.",
    )
    thumbnail_max_pixels: int = Field(
        50_000_000, ge=0, description="Largest picture a thumbnail is made of; 0: none at all."
    )
    openproject_allowlist: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="What OpenProject's API accepts: media types such as image/png or image/*, and extensions "
        "such as *.png; empty: all.",
    )
    openproject_created_status: int = Field(
        200,
        ge=200,
        le=201,
        description="Status of an upload through OpenProject's API: 200 as specified, 201 as its servers answer.",
    )
    rate_limits: Literal["on", "off"] = Field(
        "on", description="Whether the Campr API's request limits are enforced."
    )

    requests_per_minute: int = Field(
        0, ge=0, description="Requests of one principal in a minute, to all APIs; 0: no limit."
    )
    wrong_keys_per_minute: int = Field(
        30,
        ge=0,
        description="Wrong keys from one address in a minute that are told as wrong; 0: all of them.",
    )

    reap_every: int = Field(60, ge=1, description="Seconds between two sweeps of the reaper.")
    upload_lease: int = Field(
        15 * 60, ge=30, description="After this long without progress an upload counts as dead."
    )
    upload_url_ttl: int = Field(
        3600,
        ge=60,
        le=7 * 24 * 3600,
        description="How long a client may take to begin sending a part straight to the S3 store.",
    )
    first_byte_timeout: float = Field(
        30, gt=0, description="How long a body's first byte may take."
    )
    min_rate: int = Field(
        1024, ge=0, description="Bytes a second below which an upload is refused; 0: no limit."
    )
    stalled_reader_timeout: float = Field(
        120,
        ge=0,
        le=24 * 3600,
        description="How long who downloads may take nothing until the connection is closed; 0: for ever. Linux only.",
    )

    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        ("*",),
        description="Origins of web pages that may call this server, separated by commas; * is any.",
    )
    forwarded_allow: Literal["on", "off"] = Field(
        "off",
        description="Whether X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-For of a proxy in front are believed.",
    )
    log_format: Literal["json", "text"] = Field(
        "json", description="Form of the log lines on standard error."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged."
    )
    audit_log: Literal["on", "off"] = Field(
        "off", description="Whether uploads, claims, deletes and keys are recorded in the log."
    )
    metrics: Literal["off", "local", "token"] = Field(
        "local", description="Who may read /-/metrics: nobody, this machine, or who has the token."
    )
    metrics_token: str = Field("", description="Bearer token that reads /-/metrics; empty: none.")
    metrics_dir: Path | None = Field(
        None, description="Where workers tell each other their numbers; made by serve where needed."
    )
    graceful_timeout: int = Field(
        30, ge=0, description="How long requests may take after a stop signal."
    )
    env: Literal["production", "test"] = Field(
        "production", description="Whether this is a server that somebody relies on."
    )
    faults: str = Field("", description="Where a test lets the server fail; refused in production.")

    @field_validator(
        "dialects", "allowed_types", "openproject_allowlist", "cors_origins", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("public_url")
    @classmethod
    def _bare(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^/?#@\s]+/*", value):
            raise ValueError("must be http:// or https://, a host and a port, and nothing else")
        return value.rstrip("/")

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin, such as https://app.example.org")
        return value

    @field_validator("data_dir", mode="before")
    @classmethod
    def _somewhere(cls, value: object) -> object:
        if value == "":  # a path of no name would be the directory that the server was started in
            raise ValueError("must name a directory")
        return value

    @model_validator(mode="after")
    def _no_faults_in_production(self) -> Settings:
        if self.faults and self.env == "production":
            raise ValueError(
                "COATCHECK_FAULTS makes a server fail on purpose: it needs COATCHECK_ENV=test"
            )
        return self

    @property
    def longest_ttl(self) -> int:
        """Nothing that nobody claims is kept for longer."""
        return max(
            self.detached_ttl,
            self.detached_ttl_max,
            self.partial_ttl,
            self.tracker_temp_ttl,
            self.openproject_ttl,
        )

    @model_validator(mode="after")
    def _a_token_that_is_asked_for(self) -> Settings:
        if self.metrics == "token" and not self.metrics_token:
            raise ValueError("COATCHECK_METRICS=token needs a COATCHECK_METRICS_TOKEN")
        return self

    @field_validator("metrics_dir", mode="before")
    @classmethod
    def _none_where_empty(cls, value: object) -> object:
        return value or None

    @property
    def effective_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'coatcheck.db'}"

    @property
    def effective_blobs_url(self) -> str:
        return self.blobs_url or (self.data_dir.absolute() / "blobs").as_uri()


def load() -> Settings:
    """What the environment says. Raises BadSettings."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise BadSettings("\n".join(_complaint(each) for each in error.errors())) from error
    if settings.blobs_url == "memory:" and settings.env == "production":
        raise BadSettings(
            "COATCHECK_BLOBS_URL=memory: forgets all bytes at the end of each process: it needs COATCHECK_ENV=test"
        )
    return settings


def unknown() -> list[str]:
    """Names in the environment that look like settings and are none, as by a slip of the pen."""
    known = {f"COATCHECK_{field}".upper() for field in Settings.model_fields}
    named = {name.upper(): name for name in os.environ}  # settings are read in capitals or not
    return sorted(named[name] for name in named.keys() - known if name.startswith("COATCHECK_"))


def _complaint(error: Any) -> str:
    if not error["loc"]:  # of several that do not go together
        return str(error["msg"])
    field = str(error["loc"][0])
    # A database URL may hold a password.
    given = (
        ""
        if field in ("database_url", "metrics_token")
        else f" (it is {str(error['input'])[:100]!r})"
    )
    return f"COATCHECK_{field.upper()}: {error['msg']}{given}"

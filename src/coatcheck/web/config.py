"""What the wire needs to know of the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WireConfig:
    """Durations named `…_ttl` are in ms, sizes in bytes, time-outs in seconds."""

    public_url: str = ""
    dialects: tuple[str, ...] = (
        "campr",
        "attachfast",
        "tracker",
        "openproject",
        "chat",
        "native",
    )
    detached_ttl: int = 24 * 3600 * 1000
    detached_ttl_max: int = 7 * 24 * 3600 * 1000
    partial_ttl: int = 24 * 3600 * 1000
    tracker_temp_ttl: int = 24 * 3600 * 1000
    openproject_ttl: int = 180 * 60 * 1000
    max_size: int = 5 * 1024**3
    tracker_max_size: int = 1024**3
    openproject_max_size: int = 5 * 1024**2
    max_chunk_size: int = 100 * 1024**2
    allowed_types: tuple[str, ...] = ()
    openproject_allowlist: tuple[str, ...] = ()
    openproject_created_status: int = 200
    rate_limits: bool = True
    requests_per_minute: int = 0
    wrong_keys_per_minute: int = 30
    first_byte_timeout: float = 30
    min_rate: int = 1024
    cors_origins: tuple[str, ...] = ("*",)
    forwarded_allow: bool = False
    redirect_downloads: bool = False
    metrics: str = "local"
    metrics_token: str = ""

"""What of the settings is the business of the wire."""

from __future__ import annotations

from coatcheck.settings import Settings
from coatcheck.web.config import WireConfig


def wire_config(settings: Settings) -> WireConfig:
    """What of the settings the dialects need to know."""
    return WireConfig(
        public_url=settings.public_url,
        dialects=settings.dialects,
        detached_ttl=settings.detached_ttl * 1000,
        detached_ttl_max=settings.detached_ttl_max * 1000,
        partial_ttl=settings.partial_ttl * 1000,
        tracker_temp_ttl=settings.tracker_temp_ttl * 1000,
        openproject_ttl=settings.openproject_ttl * 1000,
        max_size=settings.max_size,
        tracker_max_size=min(settings.max_size, settings.tracker_max_size),
        openproject_max_size=min(settings.max_size, settings.openproject_max_size),
        max_chunk_size=settings.max_chunk_size,
        allowed_types=settings.allowed_types,
        openproject_allowlist=settings.openproject_allowlist,
        openproject_created_status=settings.openproject_created_status,
        rate_limits=settings.rate_limits == "on",
        requests_per_minute=settings.requests_per_minute,
        wrong_keys_per_minute=settings.wrong_keys_per_minute,
        first_byte_timeout=settings.first_byte_timeout,
        min_rate=settings.min_rate,
        cors_origins=settings.cors_origins,
        forwarded_allow=settings.forwarded_allow == "on",
        redirect_downloads=settings.redirect_downloads == "on",
        metrics=settings.metrics,
        metrics_token=settings.metrics_token,
    )

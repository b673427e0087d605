"""Limits of requests, for all dialects: of one principal in a minute, and of wrong keys from one address."""

from __future__ import annotations

from starlette.requests import Request

from coatcheck.domain.errors import RateLimited
from coatcheck.domain.principal import Principal
from coatcheck.domain.rate import MINUTE, Rate
from coatcheck.services.bundle import Services
from coatcheck.web.addresses import address_of
from coatcheck.web.dependencies import config_of


async def count_request(request: Request, services: Services, caller: Principal) -> None:
    """Raises RateLimited where it is one too many."""
    if limit := config_of(request).requests_per_minute:
        standing = await services.rationing.take(
            f"principal {caller.id}", "requests", Rate(limit, MINUTE)
        )
        if standing.exceeded:
            raise RateLimited(
                f"Too many requests: at most {limit} in a minute.",
                what="requests_per_minute",
                limit=limit,
                retry_after=standing.reset,
            )


async def count_wrong_key(request: Request, services: Services) -> None:
    """Raises RateLimited where too many came from this address. A right key is never refused for that."""
    address = address_of(request)
    if limit := config_of(request).wrong_keys_per_minute:
        standing = await services.rationing.take(
            f"address {address}", "wrong keys", Rate(limit, MINUTE)
        )
        if standing.exceeded:
            raise RateLimited(
                f"Too many wrong keys from this address: at most {limit} in a minute.",
                what="wrong_keys_per_minute",
                limit=limit,
                retry_after=standing.reset,
            )
    services.keys.refused(
        address
    )  # those that are one too many are not told: they would fill the log

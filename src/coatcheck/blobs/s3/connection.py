"""The one client of a store, made when it is first needed, and the time that its requests may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeVar

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from coatcheck.blobs.s3.address import Address
from coatcheck.blobs.s3.faults import FAULTS, fault

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

T = TypeVar("T")

#: Seconds that a connection may take to be made.
CONNECT_TIMEOUT = 5


class Connection:
    """Credentials come, and are renewed, by the usual chain of AWS: environment, profiles, the machine's service."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._opening = asyncio.Lock()
        self._client: S3Client | None = None
        self._stack = AsyncExitStack()
        #: The client library watches silence only; this is for a full pool, and for a store that takes no bytes.
        self._longest = 3 * address.timeout

    async def ask(self, request: Callable[[S3Client], Awaitable[T]]) -> T:
        """One request. Raises what `fault` makes of its failure, with that as its cause."""
        try:
            async with asyncio.timeout(self._longest):
                return await request(self._client or await self._open())
        except FAULTS as error:
            raise fault(error) from error

    async def close(self) -> None:
        async with self._opening:
            self._client = None
            await self._stack.aclose()

    async def _open(self) -> S3Client:
        async with self._opening:
            if self._client is None:
                address = self._address
                self._client = await self._stack.enter_async_context(
                    get_session().create_client(
                        "s3",
                        region_name=address.region,
                        endpoint_url=address.endpoint,
                        config=AioConfig(
                            signature_version="s3v4",
                            s3={"addressing_style": address.addressing},
                            connect_timeout=min(CONNECT_TIMEOUT, address.timeout),
                            read_timeout=address.timeout,
                            max_pool_connections=address.connections,
                            tcp_keepalive=True,
                            # What is asked again, and for how long, is decided by `backoff`.
                            retries={"total_max_attempts": 1},
                            # We send our own.
                            request_checksum_calculation="when_required",
                            response_checksum_validation="when_required",
                        ),
                    )
                )
            return self._client


async def seen_through(request: Coroutine[Any, Any, T]) -> T:
    """Await a request to its end, also when cancelled meanwhile: what it did at the store is known then."""
    task = asyncio.ensure_future(request)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # looked at, or asyncio complains in the log
        raise cancelled
    return task.result()

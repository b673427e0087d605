"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

from coatcheck.blobs.base import BlobMissing, new_blob_key
from coatcheck.domain.errors import CoatcheckError
from coatcheck.services.bundle import Services
from coatcheck.web.dependencies import Desk
from coatcheck.web.routing import Router

router = Router(prefix="/-", tags=["operation"])

#: Seconds that a check may take.
_PATIENCE = 3


class Health(BaseModel):
    status: str


class Readiness(BaseModel):
    """Each check says "ok" or why not."""

    status: str
    checks: dict[str, str]


@router.get("/health", summary="The process answers")
async def health() -> Health:
    return Health(status="ok")


@router.get(
    "/ready",
    summary="Database and blob store answer, and the server is not stopping",
    responses={503: {"model": Readiness}},
)
async def ready(request: Request, services: Desk) -> JSONResponse:
    checks = {
        "server": "stopping" if request.app.state.draining.begun else "ok",
        "database": await _check(_ask_database(services)),
        "blobs": await _check(_ask_blobs(services)),
    }
    fine = all(result == "ok" for result in checks.values())
    content = Readiness(status="ok" if fine else "unavailable", checks=checks).model_dump()
    return JSONResponse(content, status_code=200 if fine else 503)


async def _check(question: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(_PATIENCE):
            await question
    except TimeoutError:
        return f"no answer within {_PATIENCE} s"
    except CoatcheckError as error:
        return error.detail
    return "ok"


async def _ask_database(services: Services) -> None:
    await services.transactions.check()


async def _ask_blobs(services: Services) -> None:
    with suppress(BlobMissing):
        await services.blobs.size(new_blob_key())

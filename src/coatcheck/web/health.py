"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

from coatcheck.web.dependencies import Desk
from coatcheck.web.routing import Router

router = Router(tags=["operation"])


class Health(BaseModel):
    status: str


class Readiness(BaseModel):
    """Each check says "ok" or why not. `note` is what somebody should see to, though it serves."""

    status: str
    checks: dict[str, str]
    note: str | None = None


@router.get("/-/health", summary="The process answers")
async def health() -> Health:
    return Health(status="ok")


@router.get(
    "/-/ready",
    summary="Database and blob store answer, and the server is not stopping",
    responses={503: {"model": Readiness}},
)
async def ready(request: Request, services: Desk) -> JSONResponse:
    checks = {"server": "stopping" if request.app.state.draining.begun else "ok"}
    checks |= {str(name): why for name, why in (await services.availability.look()).items()}
    fine = all(result == "ok" for result in checks.values())
    status = "ok" if fine else "unavailable"
    content = Readiness(status=status, checks=checks, note=services.room.short())
    return JSONResponse(content.model_dump(exclude_none=True), status_code=200 if fine else 503)

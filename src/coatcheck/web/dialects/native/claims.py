"""/coatcheck/v1/claims: a host application's posts, issues, drafts take attachments, all they ask for or none."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coatcheck.domain.container import ContainerRef
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.commands import ClaimAttachments, ReleaseAttachments, RequestId
from coatcheck.web.dependencies import BaseUrl, Body, Desk
from coatcheck.web.dialects.native.asking import (
    Caller,
    InContainer,
    flag_of,
    has_body,
    idempotency_key,
    read_value,
)
from coatcheck.web.dialects.native.documenting import (
    IDEMPOTENCY_KEY,
    Responses,
    answers,
    in_header,
    in_query,
    json_body,
)
from coatcheck.web.dialects.native.drafts import (
    Asked,
    ClaimDraft,
    an_object,
    asked_of,
    exact_claim,
    new_claim,
    request_of,
)
from coatcheck.web.dialects.native.errors import told_by_name
from coatcheck.web.dialects.native.kinds import changeable, shown
from coatcheck.web.dialects.native.shapes import ClaimShape, ClaimsShape, ExactlyShape
from coatcheck.web.dialects.native.showing import ROOT, shown_claims
from coatcheck.web.routing import Router

router = Router(tags=["Coatcheck: claims"])

_HELD: Responses = {200: {"model": ClaimsShape}}
_DELETE = {"delete": "`true`: what nothing else holds is deleted, instead of detached again."}


@router.post(
    "",
    summary="Claim attachments for a container: all of them, or none",
    openapi_extra=json_body(ClaimShape, **in_header(IDEMPOTENCY_KEY)),
    responses=answers(_HELD, 400, 403, 404, 409, 413, 415, 422),
)
async def claim(
    request: Request, caller: Caller, services: Desk, body: Body, base: BaseUrl
) -> Response:
    key = idempotency_key(request.headers)
    value = await read_value(request.headers, body)
    draft = new_claim(value, services.clock.now())
    again = request_of("POST", request.url.path, key, value)
    return await _claimed(services, caller, base, draft, again)


@router.get(
    "/{kind}/{id}",
    summary="What a container holds",
    responses=answers(_HELD, 404),
)
async def held(caller: Caller, ref: InContainer, services: Desk, base: BaseUrl) -> Response:
    claims = await services.claims.held(caller, ref)
    return JSONResponse(await shown_claims(services, caller, base, ref, claims))


@router.put(
    "/{kind}/{id}",
    summary="Let a container hold exactly these, in this order",
    openapi_extra=json_body(ExactlyShape, **in_query(_DELETE)),
    responses=answers(_HELD, 400, 403, 404, 409, 413, 415, 422),
)
async def hold_exactly(
    request: Request,
    caller: Caller,
    ref: InContainer,
    services: Desk,
    body: Body,
    base: BaseUrl,
) -> Response:
    key, delete = idempotency_key(request.headers), flag_of(request, "delete")
    value = await read_value(request.headers, body)
    draft = exact_claim(value, ref, services.clock.now())
    again = request_of("PUT", f"{request.url.path}?{delete}", key, value)
    return await _claimed(services, caller, base, draft, again, exactly=True, delete=delete)


@router.delete(
    "/{kind}/{id}",
    status_code=204,
    summary="Release what a container holds: all of it, or those that are named",
    openapi_extra=json_body(
        ExactlyShape,
        required=False,
        **in_query({"attachment": "An id; may be repeated, or be a list in the body.", **_DELETE}),
    ),
    responses=answers({204: {"description": "They are released."}}, 400, 403, 404, 413, 415),
)
async def release(
    request: Request, caller: Caller, ref: InContainer, services: Desk, body: Body
) -> Response:
    delete = flag_of(request, "delete")
    asked = await _named(request, body)
    with told_by_name(asked or ()):
        await services.claims.release(
            ReleaseAttachments(
                caller=caller,
                ref=changeable(ref),
                references=None
                if asked is None
                else tuple(each.wanted.reference for each in asked),
                delete=delete,
            )
        )
    return Response(status_code=204)


async def _claimed(
    services: Services,
    caller: Principal,
    base: str,
    draft: ClaimDraft,
    request: RequestId | None,
    *,
    exactly: bool = False,
    delete: bool = False,
) -> Response:
    with told_by_name(draft.asked):
        held = await services.claims.claim(
            ClaimAttachments(
                caller=caller,
                ref=draft.container,
                wanted=draft.wanted,
                exclusive=draft.exclusive,
                exactly=exactly,
                delete_others=delete,
                lease=draft.lease,
                request=request,
            )
        )
    document = await shown_claims(services, caller, base, draft.container, held)
    return JSONResponse(document, headers={"Location": _address(base, draft.container)})


async def _named(request: Request, body: Body) -> tuple[Asked, ...] | None:
    """Those in the query and in the body: `[5, …]` or `{"attachments": [5, …]}`. None: all that it holds."""
    given: list[object] = list(request.query_params.getlist("attachment"))
    if has_body(request.headers):
        value = await read_value(request.headers, body)
        many = (
            an_object(value, "", {"attachments"}).get("attachments")
            if isinstance(value, dict)
            else value
        )
        return (*asked_of(given), *asked_of(many))
    return asked_of(given) if given else None


def _address(base: str, ref: ContainerRef) -> str:
    kind, id = shown(ref)
    return f"{base}{ROOT}/claims/{kind}/{quote(id, safe='')}"

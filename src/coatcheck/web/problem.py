"""Any exception as one Problem, which a dialect then puts into its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from coatcheck.domain import errors
from coatcheck.web.headers.content_range import unsatisfied

#: The status of each class of errors; a subclass without its own has its parent's. Dialects may differ by code.
STATUSES: dict[type[errors.CoatcheckError], int] = {
    errors.CoatcheckError: 500,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Invalid: 400,
    errors.RangeNotSatisfiable: 416,
    errors.Unsupported: 415,
    errors.TooLarge: 413,
    errors.QuotaExceeded: 507,
    errors.RateLimited: 429,
    errors.Forbidden: 403,
    errors.Unauthenticated: 401,
    errors.Rejected: 422,
    errors.TimedOut: 408,
    errors.Corrupt: 500,
    errors.Unavailable: 503,
    errors.StorageFull: 507,
}

#: Seconds after which to come again where whoever could not serve did not say.
RETRY_AFTER = 5

#: They name the limit in a field of the head, since not every dialect has words for it.
_OF_A_LIMIT = (
    errors.TooMany,
    errors.TooLarge,
    errors.QuotaExceeded,
    errors.RateLimited,
    errors.TimedOut,
)

#: Codes of what the router itself refuses.
_ROUTER_CODES = {404: "unknown_path", 405: "method_not_allowed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """`code` is stable; `detail` is for people; `facts` are plain values; `headers` go out with any dialect's body."""

    status: int
    code: str
    detail: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def status_of(kind: type[errors.CoatcheckError]) -> int:
    """By the nearest class in the table."""
    return next(STATUSES[parent] for parent in kind.__mro__ if parent in STATUSES)


def problem_of(error: Exception, statuses: Mapping[str, int]) -> Problem:
    """`statuses` are a dialect's own, by code. What is not ours tells nothing of its inside."""
    match error:
        case errors.CoatcheckError():
            headers: dict[str, str] = {}
            usual = RETRY_AFTER if isinstance(error, errors.Unavailable) else None
            if (retry_after := error.facts.get("retry_after", usual)) is not None:
                headers["Retry-After"] = str(retry_after)
            if error.facts.get("closes"):  # where this request ends, others may see otherwise
                headers["Connection"] = "close"
            if isinstance(error, _OF_A_LIMIT) and "limit" in error.facts:
                headers["Coatcheck-Limit"] = _named_limit(error.facts)
            if isinstance(error, errors.RangeNotSatisfiable):
                headers["Content-Range"] = unsatisfied(error.facts["size"])
            status = statuses.get(error.code, status_of(type(error)))
            return Problem(
                status=status,
                code=error.code,
                detail=error.detail,
                facts=error.facts,
                headers=headers,
            )
        case HTTPException():
            code = _ROUTER_CODES.get(error.status_code, "invalid_request")
            return Problem(
                status=statuses.get(code, error.status_code),
                code=code,
                detail=str(error.detail),
                headers=dict(error.headers or {}),
            )
        case RequestValidationError():
            return Problem(
                status=statuses.get("invalid_request", 400),
                code="invalid_request",
                detail="The request is not valid.",
            )
        case _:
            return Problem(
                status=500, code=errors.CoatcheckError.code, detail=errors.CoatcheckError.summary
            )


def _named_limit(facts: Mapping[str, Any]) -> str:
    """As `quota_bytes=1000`; most are settings by their names, `size` is the largest that this may be."""
    limit = facts["limit"]
    number = f"{limit:g}" if isinstance(limit, float) else str(limit)
    return f"{facts.get('what', 'size')}={number}"

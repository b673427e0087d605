"""HAL: every answer is `application/hal+json; charset=utf-8`, whatever the client says it accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse

#: Where all of this lies. Links stay relative to the host: clients put their own address in front.
ROOT = "/api/v3"

_WITH_CHARSET = "application/hal+json; charset=utf-8"


class HalResponse(JSONResponse):
    media_type = "application/hal+json"

    def __init__(
        self,
        content: Any,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        super().__init__(content, status_code, headers, media_type or _WITH_CHARSET, background)


def is_none(value: object) -> bool:
    return value is None


class Shape(BaseModel):
    """Names are camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Link(Shape):
    """`href` null: there is nothing at the other end. `title` and `method` are left out where they say nothing."""

    href: str | None
    title: str | None = Field(None, exclude_if=is_none)
    method: str | None = Field(None, exclude_if=is_none)


class FormLink(Link):
    """To be followed with a form of these fields, in this order, and the file behind them."""

    form_fields: dict[str, str] = Field(alias="form_fields")

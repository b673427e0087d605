"""The head of an upload, turned into a command (Campr, «Upload a single attachment» and «Partial uploads»).

With a `Client-Request-ID` an upload can be sent again: a whole one is then a single part that covers everything. The
protocol's default type is kept as it is documented: nothing is guessed from names or bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.datastructures import Headers

from coatcheck.domain.digest import SHA3_256
from coatcheck.domain.errors import BadRange, Incomplete, Malformed, Missing
from coatcheck.domain.media_type import OCTET_STREAM, bare, clean_media_type
from coatcheck.domain.names import clean_filename
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import Deposit, Description, Placement, Receive
from coatcheck.services.uploads import Progress, Uploads
from coatcheck.web.config import WireConfig
from coatcheck.web.headers import single
from coatcheck.web.headers.content_disposition import parse_content_disposition
from coatcheck.web.headers.content_encoding import refuse_encoded
from coatcheck.web.headers.content_range import ContentRange, parse_content_range
from coatcheck.web.headers.digest import content_digests, repr_digests
from coatcheck.web.streaming import RequestBody

_REQUEST_ID = re.compile(r"[\x20-\x7e]{1,255}")

#: What curl says of any bytes it is told to send.
_CURL_DEFAULT = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Head:
    """What an upload's header fields say; None is what they leave open."""

    name: str | None
    media_type: str | None
    request_id: str | None
    range: ContentRange | None
    framed: bool

    @classmethod
    def of(cls, headers: Headers) -> Head:
        """Raises Malformed, BadName, BadRange, Unsupported."""
        refuse_encoded(headers)
        return cls(
            name=_name(headers),
            media_type=_media_type(headers),
            request_id=client_request_id(headers),
            range=_range(headers),
            framed="content-length" in headers or "transfer-encoding" in headers,
        )

    def refuse_nothing(self, first: bytes) -> None:
        """An empty attachment has to be meant: a request with no body at all is a mistake. Raises Missing."""
        if not first and not self.framed:
            raise Missing("The request has no body.", field="Content-Length")


async def take(
    uploads: Uploads, headers: Headers, caller: Principal, body: RequestBody, config: WireConfig
) -> Progress:
    """The upload after this request.

    Raises what Head.of and Uploads do, Missing without an id where one is needed, BadRange where a part is not as long
    as it says.
    """
    head = Head.of(headers)
    if head.request_id is None:
        if head.range is not None:
            raise Missing("Content-Range needs a Client-Request-ID.", field="Client-Request-ID")
        return Progress(await uploads.deposit(_deposit(head, headers, caller, body, config)))
    if head.range is not None and body.declared not in (None, head.range.size):
        raise BadRange("Content-Range and Content-Length differ.", field="Content-Range")
    try:
        return await uploads.receive(_receive(head, head.request_id, headers, caller, body, config))
    except Incomplete as error:
        if head.range is None or body.cut:
            raise
        raise BadRange("The body is not as long as its range.", field="Content-Range") from error


def _deposit(
    head: Head, headers: Headers, caller: Principal, body: RequestBody, config: WireConfig
) -> Deposit:
    async def describe(first: bytes) -> Description:
        head.refuse_nothing(first)
        return Description(name=head.name, media_type=head.media_type or OCTET_STREAM)

    return Deposit(
        caller=caller,
        dialect="campr",
        body=body,
        describe=describe,
        size=body.declared,
        max_size=config.max_size,
        lifetime=config.detached_ttl,
        digests=frozenset({SHA3_256}),
        expected=(*content_digests(headers), *repr_digests(headers)),
        supersede=True,
    )


def _receive(
    head: Head,
    request_id: str,
    headers: Headers,
    caller: Principal,
    body: RequestBody,
    config: WireConfig,
) -> Receive:
    part = head.range

    def placement(total: int) -> Placement:
        return Placement(
            key=request_id,
            start=part.start if part else 0,
            total=total,
            name=head.name,
            media_type=head.media_type,
        )

    async def place(first: bytes) -> Placement:
        head.refuse_nothing(first)
        return placement(part.total if part else body.received)

    total = part.total if part else body.declared
    return Receive(
        caller=caller,
        dialect="campr",
        body=body,
        place=place,
        known=None if total is None else placement(total),
        size=part.size if part else body.declared,
        max_part_size=config.max_size,
        max_size=config.max_size,
        window=config.partial_ttl,
        sliding=True,
        shared=False,
        replay_any=True,
        lifetime=config.detached_ttl,
        digests=frozenset({SHA3_256}),
        expected=tuple(content_digests(headers)),
        expected_whole=tuple(repr_digests(headers)),
        supersede=True,
    )


def client_request_id(headers: Headers) -> str | None:
    """Raises Malformed for what is too long to keep, or no visible ASCII."""
    given = (single(headers, "Client-Request-ID") or "").strip(" \t")
    if given and _REQUEST_ID.fullmatch(given) is None:
        raise Malformed("Client-Request-ID is not 1 to 255 characters of ASCII.")
    return given or None


def _name(headers: Headers) -> str | None:
    given = single(headers, "Content-Disposition")
    filename = parse_content_disposition(given).filename if given else None
    return clean_filename(filename) if filename else None


def _media_type(headers: Headers) -> str | None:
    cleaned = clean_media_type(single(headers, "Content-Type"))
    return None if cleaned is None or bare(cleaned) == _CURL_DEFAULT else cleaned


def _range(headers: Headers) -> ContentRange | None:
    given = headers.getlist("content-range")
    return parse_content_range(", ".join(given)) if given else None

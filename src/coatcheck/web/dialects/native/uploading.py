"""The head of an upload, turned into a command. With an Idempotency-Key an upload can be sent again."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.digest import Digest
from coatcheck.domain.errors import Missing, NotFound, Unsupported
from coatcheck.domain.media_type import bare, choose_media_type
from coatcheck.domain.names import clean_filename
from coatcheck.domain.principal import Principal
from coatcheck.domain.slot import cut
from coatcheck.services.commands import Deposit, Description, Placement, Receive
from coatcheck.services.names import key_of_begun
from coatcheck.services.uploads import Uploads
from coatcheck.web.config import WireConfig
from coatcheck.web.dialects.native.asking import idempotency_key
from coatcheck.web.dialects.native.errors import one_body_a_key
from coatcheck.web.headers import single
from coatcheck.web.headers.content_disposition import parse_content_disposition
from coatcheck.web.headers.content_encoding import refuse_encoded
from coatcheck.web.headers.digest import content_digests, repr_digests
from coatcheck.web.streaming import RequestBody

#: What curl says of any bytes it is told to send.
_CURL_DEFAULT = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Head:
    """What an upload's header fields say; None is what they leave open."""

    name: str | None
    media_type: str | None
    key: str | None
    digests: tuple[Digest, ...]
    framed: bool

    @classmethod
    def of(cls, headers: Headers) -> Head:
        """Raises Malformed, BadName, Unsupported."""
        refuse_encoded(headers)
        return cls(
            name=_name(headers),
            media_type=_media_type(headers),
            key=idempotency_key(headers),
            digests=(*content_digests(headers), *repr_digests(headers)),
            framed="content-length" in headers or "transfer-encoding" in headers,
        )

    def described(self, first: bytes) -> Description:
        """With the first bytes, by which an undeclared type is told. Raises Missing where there is no body at all."""
        if not first and not self.framed:
            raise Missing("The request has no body.", field="Content-Length")
        media_type = choose_media_type(self.media_type, self.name, first)
        return Description(name=self.name, media_type=media_type)


async def take(
    uploads: Uploads, headers: Headers, caller: Principal, body: RequestBody, config: WireConfig
) -> Attachment:
    """Raises what Head.of and Uploads do, and ReplayMismatch where the key came with other bytes."""
    head = Head.of(headers)
    if head.key is None:
        return await uploads.deposit(_deposit(head, caller, body, config))
    with one_body_a_key():
        return (await uploads.receive(_receive(head, head.key, caller, body, config))).attachment


def receive_part(
    upload: Attachment,
    number: int,
    headers: Headers,
    caller: Principal,
    body: RequestBody,
    config: WireConfig,
) -> Receive:
    """A part of an upload that was begun before. Raises NotFound for a number that it has none of."""
    refuse_encoded(headers)
    spans = cut(upload)
    if number > len(spans):
        raise NotFound
    span = spans[number - 1]
    placement = Placement(key=key_of_begun(upload.public_id), total=upload.size, start=span.start)

    async def place(_first: bytes) -> Placement:
        return placement

    return Receive(
        caller=caller,
        dialect="native",
        body=body,
        place=place,
        known=placement,
        size=span.size,
        max_part_size=span.size,
        max_size=upload.size,
        window=config.partial_ttl,
        sliding=False,
        shared=False,
        begun=True,
        completes=False,
        replay_any=True,
        lifetime=config.detached_ttl,
        digests=frozenset(upload.digests),
        expected=tuple(content_digests(headers)),
    )


def _deposit(head: Head, caller: Principal, body: RequestBody, config: WireConfig) -> Deposit:
    async def describe(first: bytes) -> Description:
        return head.described(first)

    return Deposit(
        caller=caller,
        dialect="native",
        body=body,
        describe=describe,
        size=body.declared,
        max_size=config.max_size,
        lifetime=config.detached_ttl,
        expected=head.digests,
    )


def _receive(
    head: Head, key: str, caller: Principal, body: RequestBody, config: WireConfig
) -> Receive:
    """The whole as a single part, which may be sent again."""

    async def place(first: bytes) -> Placement:
        described = head.described(first)
        return Placement(
            key=key,
            start=0,
            total=body.received,
            name=described.name,
            media_type=described.media_type,
        )

    size = body.declared
    return Receive(
        caller=caller,
        dialect="native",
        body=body,
        place=place,
        known=None if size is None else Placement(key=key, start=0, total=size),
        size=size,
        max_part_size=config.max_size,
        max_size=config.max_size,
        window=config.partial_ttl,
        sliding=True,
        shared=False,
        replay_any=True,
        lifetime=config.detached_ttl,
        expected=head.digests,
    )


def _name(headers: Headers) -> str | None:
    given = single(headers, "Content-Disposition")
    filename = parse_content_disposition(given).filename if given else None
    return clean_filename(filename) if filename else None


def _media_type(headers: Headers) -> str | None:
    given = single(headers, "Content-Type")
    kind = bare(given or "")
    if kind == "multipart/form-data":
        raise Unsupported(
            "The body is taken as it is: send the bytes, not a form.", field="Content-Type"
        )
    return None if kind == _CURL_DEFAULT else given

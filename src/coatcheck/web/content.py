"""An attachment's bytes as an answer: validators, ranges, HEAD, and headers that keep a browser from running it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from coatcheck.domain.digest import SHA256
from coatcheck.domain.media_type import bare, safe_inline
from coatcheck.domain.names import download_name
from coatcheck.domain.ranges import Span
from coatcheck.services.downloads import Content
from coatcheck.web.dependencies import config_of
from coatcheck.web.headers.byte_range import parse_range
from coatcheck.web.headers.conditional import Decision, evaluate, quoted
from coatcheck.web.headers.content_disposition import content_disposition
from coatcheck.web.headers.http_date import http_date

#: Stored content is somebody else's: a browser must not guess its type, run it, or lend it our origin.
GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}

#: Seconds within which a download from the store itself has to begin.
LINK_LIFE = 300

#: The link is for whoever asked, now.
_ELSEWHERE = {"Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer"}

_CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range")


async def content_response(
    request: Request,
    content: Content,
    *,
    etag: str,
    media_type: str | None,
    disposition: str | None,
    redirect: bool = False,
) -> Response:
    """200, 206, 304 or 412; `media_type` and `disposition` None leave those headers out.

    Where the API's clients follow a `redirect` and the operator allows it, 302 to the store itself, which answers
    ranges too; but not to what is conditional, since the store has validators of its own.

    `etag` is a strong tag without quotes. Raises RangeNotSatisfiable (416), Corrupt and Gone, before anything is sent.
    """
    attachment = content.attachment
    headers = {
        **GUARDS,
        "Accept-Ranges": "bytes",
        "ETag": quoted(etag),
        "Last-Modified": http_date(attachment.created_at),
    }
    decision = evaluate(request.headers, etag=etag, modified=attachment.created_at)
    if decision is Decision.NOT_MODIFIED:
        return Response(status_code=304, headers=headers)
    if decision is Decision.FAILED:
        return Response(status_code=412, headers=headers)
    if media_type:
        headers["Content-Type"] = media_type
    if disposition:
        headers["Content-Disposition"] = disposition
    wanted = (
        parse_range(request.headers.get("range"), attachment.size)
        if decision is Decision.SEND
        else None
    )
    span = wanted or Span(0, attachment.size)
    headers["Content-Length"] = str(span.size)
    if wanted:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{attachment.size}"
    status = 206 if wanted else 200
    await content.check(span.start, span.stop)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    if redirect and media_type and disposition and _may_redirect(request):
        link = await content.link(expires=LINK_LIFE, media_type=media_type, disposition=disposition)
        if link:
            return Response(status_code=302, headers={**_ELSEWHERE, "Location": link})
    return _sent(request, content, headers, span, whole=wanted is None)


def _sent(
    request: Request, content: Content, headers: Mapping[str, str], span: Span, *, whole: bool
) -> Response:
    """The bytes in the way that costs least: by the server itself, at once, or piece by piece."""
    if (
        whole
        and (path := content.path())
        and "http.response.pathsend" in request.scope.get("extensions", {})
    ):
        return PathResponse(str(path), headers)
    status = 200 if whole else 206
    held = content.held(span.start, span.stop)
    response = (
        StreamingResponse(content.read(span.start, span.stop), status)
        if held is None
        else Response(held, status)
    )
    response.raw_headers = [
        (k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()
    ]
    return response


async def file_response(
    request: Request,
    content: Content,
    *,
    nameless: str,
    saved: bool = False,
    sent_type: str | None = None,
    redirect: bool = False,
) -> Response:
    """The bytes as a file of its name, or `nameless`: shown in place where its type is safe to show, unless `saved`.

    `sent_type` is what it is sent as, if not as what it is. `redirect`: see `content_response`.
    """
    attachment = content.attachment
    media_type = attachment.media_type
    if media_type == bare(media_type) == "text/plain":
        media_type = "text/plain; charset=utf-8"  # no browser is left to guess
    shown = safe_inline(attachment.media_type) and not saved
    return await content_response(
        request,
        content,
        etag=attachment.digests.get(SHA256, attachment.public_id),
        media_type=sent_type or media_type,
        disposition=content_disposition(
            "inline" if shown else "attachment", download_name(attachment.name or nameless)
        ),
        redirect=redirect,
    )


def _may_redirect(request: Request) -> bool:
    config = config_of(request)
    return config.redirect_downloads and not any(name in request.headers for name in _CONDITIONS)


class PathResponse(Response):
    """A whole local file, which the server itself sends (ASGI extension `http.response.pathsend`)."""

    def __init__(self, path: str, headers: Mapping[str, str]) -> None:
        self.status_code = 200
        self.background = None
        self._path = path
        self.raw_headers = [
            (k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        await send({"type": "http.response.pathsend", "path": self._path})

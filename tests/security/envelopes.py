"""How each API tells an error, and what none may tell of the inside of the server."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.security.wire import Answer

#: What the servers themselves say of what is no HTTP, before any API sees it.
OF_THE_SERVER = (b"", b"Invalid HTTP request received.")
STATUSES_OF_THE_SERVER = (400, 408, 414, 431, 501)

_INSIDE = re.compile(
    rb"Traceback|File \"|line \d+, in |\bsite-packages\b"
    rb"|\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|PRAGMA)\s+\w|sqlite|sqlalchemy|psycopg"
    rb"|/(?:home|root|usr|tmp|var|work|etc)/"
    rb"|(?:uvicorn|granian|starlette|fastapi|pydantic|python)[/ -]v?\d"
    rb"|\w+Error\b\s*[:(]",
    re.IGNORECASE,
)


def _campr(body: Any) -> bool:
    (error,) = body["errors"]
    return list(body) == ["errors"] and set(error) == {"id", "code", "description"}


def _attachfast(body: Any) -> bool:
    messages = body["errors"]
    return list(body) == ["errors"] and bool(messages) and all(type(x) is str for x in messages)


def _tracker(body: Any) -> bool:
    told = bool(body["errors"]) or bool(body["errorMessages"])
    return told and set(body) == {"errors", "errorMessages", "statusCode"}


def _openproject(body: Any) -> bool:
    urn = "urn:openproject-org:api:v3:errors:"
    return bool(
        body["_type"] == "Error" and body["errorIdentifier"].startswith(urn) and body["message"]
    )


def _chat(body: Any) -> bool:
    return set(body) == {"type", "message", "documentation_url"}


def _native(body: Any) -> bool:
    return {"type", "title", "status", "detail", "code"} <= set(body)


_SHAPES: Mapping[str, Callable[[Any], bool]] = {
    "campr": _campr,
    "attachfast": _attachfast,
    "tracker": _tracker,
    "openproject": _openproject,
    "chat": _chat,
    "native": _native,
}


def assert_told_properly(dialect: str, answer: Answer) -> None:
    """An error in the API's own words, or the server's about what was no request; and nothing of its inside."""
    told = b"\n".join(f"{name}: {value}".encode("latin-1") for name, value in answer.fields)
    for text in (told, answer.body if answer.status >= 400 else b""):
        leaked = _INSIDE.search(text)
        assert leaked is None, f"the answer tells {leaked[0]!r}: {answer}"
    if answer.status < 400 or _is_the_servers(answer) or _is_plain(dialect, answer):
        return
    try:
        proper = _SHAPES[dialect](answer.json())
    except (ValueError, KeyError, TypeError):
        proper = False
    assert proper, f"not in the words of {dialect}: {answer}"


def _is_the_servers(answer: Answer) -> bool:
    return answer.body in OF_THE_SERVER and answer.status in STATUSES_OF_THE_SERVER


def _is_plain(dialect: str, answer: Answer) -> bool:
    """OpenProject's framework tells of a missing Content-Type in plain text."""
    return dialect == "openproject" and answer.status == 406

"""What a client says in JSON: read by hand, so that what is wrong is named by its place (RFC 6901)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coatcheck.domain.claim import ByDigest, ByToken, Reference, Wanted
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.digest import Digest
from coatcheck.domain.errors import BadName, Invalid, Malformed, Missing, NotFound
from coatcheck.domain.media_type import clean_media_type
from coatcheck.domain.names import clean_filename
from coatcheck.services.commands import RequestId
from coatcheck.web.dialects.native.kinds import changeable, ref_of
from coatcheck.web.dialects.native.references import NOWHERE, digest_of, reference_of, token_of

#: Attachments in one claim.
MOST = 500

#: Seconds.
LONGEST_LEASE = 30 * 24 * 3600

_NAMES = ("id", "token", "digest")
_LEASE = ("lease", "expires_at")


@dataclass(frozen=True, slots=True)
class Asked:
    """One attachment as the client named it, which is how a refusal names it again, and where it stood."""

    wanted: Wanted
    given: dict[str, Any]
    pointer: str


@dataclass(frozen=True, slots=True)
class ClaimDraft:
    """`lease` is in ms."""

    container: ContainerRef
    asked: tuple[Asked, ...]
    exclusive: bool
    lease: int | None

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        return tuple(each.wanted for each in self.asked)


@dataclass(frozen=True, slots=True)
class ChangeDraft:
    """None is what stays as it is; `expires_in` is in seconds."""

    name: str | None
    media_type: str | None
    expires_in: int | None


def new_claim(value: object, now: int) -> ClaimDraft:
    """The body of POST /claims. Raises Invalid, NotFound, Forbidden."""
    given = an_object(value, "", {"container", "attachments", "exclusive", *_LEASE})
    if "container" not in given:
        raise Missing("A container is needed.", pointer="/container")
    draft = _claim(given, _container(given["container"]), now)
    if not draft.asked:
        raise Invalid("At least one attachment is needed.", pointer="/attachments")
    return draft


def exact_claim(value: object, ref: ContainerRef, now: int) -> ClaimDraft:
    """The body of PUT /claims/{kind}/{id}, which may repeat the container. Raises Invalid, Forbidden."""
    given = an_object(value, "", {"container", "attachments", "exclusive", *_LEASE})
    if "container" in given and _container(given["container"]) != ref:
        raise Invalid("This is not the container of the path.", pointer="/container")
    return _claim(given, ref, now)


def change(value: object, least: int, most: int) -> ChangeDraft:
    """The body of PATCH /attachments/{id}. Raises Invalid, BadName."""
    given = an_object(value, "", {"name", "media_type", "expires_in"})
    if not given:
        raise Invalid("The request changes nothing.", pointer="")
    expires_in = given.get("expires_in")
    return ChangeDraft(
        name=name_of(given, ""),
        media_type=media_type_of(given, ""),
        expires_in=None if expires_in is None else seconds(expires_in, "expires_in", least, most),
    )


def asked_of(value: object, pointer: str = "/attachments") -> tuple[Asked, ...]:
    """Attachments, each as an object or as a bare id. Raises Invalid."""
    if not isinstance(value, list):
        raise Invalid("A list of attachments is expected.", pointer=pointer)
    if len(value) > MOST:
        raise Invalid(f"No more than {MOST} attachments at once.", pointer=pointer, limit=MOST)
    return tuple(_asked(each, f"{pointer}/{place}") for place, each in enumerate(value))


def an_object(value: object, pointer: str, members: set[str]) -> dict[str, Any]:
    """Raises Invalid, also for members that mean nothing here: a misspelt one would be ignored in silence."""
    if not isinstance(value, dict):
        raise Invalid("An object is expected.", pointer=pointer)
    for name in value:
        if name not in members:
            place = name.replace("~", "~0").replace("/", "~1")
            raise Invalid("This member is not known.", pointer=f"{pointer}/{place[:100]}")
    return value


def seconds(value: object, field: str, least: int, most: int) -> int:
    """Raises Invalid."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Invalid(
            f"{field} is not a number of seconds from {least} to {most}.",
            pointer=f"/{field}",
            minimum=least,
            maximum=most,
        )
    return value


def request_of(
    method: str, path: str, key: str | None, value: object, *, endpoint: str = "native claims"
) -> RequestId | None:
    """What tells this request from others, where its client gave it a key."""
    if key is None:
        return None
    text = json.dumps([method, path, value], sort_keys=True, separators=(",", ":"))
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    return RequestId(endpoint=endpoint, id=key, fingerprint=fingerprint)


def _claim(given: Mapping[str, Any], ref: ContainerRef, now: int) -> ClaimDraft:
    if "attachments" not in given:
        raise Missing("A list of attachments is needed.", pointer="/attachments")
    exclusive = given.get("exclusive", True)
    if not isinstance(exclusive, bool):
        raise Invalid("exclusive is true or false.", pointer="/exclusive")
    return ClaimDraft(
        container=changeable(ref),
        asked=asked_of(given["attachments"]),
        exclusive=exclusive,
        lease=_lease(given, now),
    )


def _lease(given: Mapping[str, Any], now: int) -> int | None:
    """In ms from now, out of `lease` in seconds or the moment `expires_at`."""
    if given.get("lease") is not None:
        if given.get("expires_at") is not None:
            raise Invalid("A claim has lease or expires_at, not both.", pointer="/lease")
        return seconds(given["lease"], "lease", 1, LONGEST_LEASE) * 1000
    if given.get("expires_at") is None:
        return None
    lease = _moment(given["expires_at"]) - now
    if not 0 < lease <= LONGEST_LEASE * 1000:
        raise Invalid("expires_at is past, or too far ahead.", pointer="/expires_at")
    return lease


def _moment(value: object) -> int:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        if moment.tzinfo is None:
            raise ValueError
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Invalid(
            "expires_at is not a time such as 2030-01-31T12:00:00Z.", pointer="/expires_at"
        ) from None


def _container(value: object) -> ContainerRef:
    given = an_object(value, "/container", {"kind", "id"})
    kind, id = given.get("kind"), given.get("id")
    if isinstance(id, int) and not isinstance(id, bool):
        id = str(id)
    if not isinstance(kind, str) or not isinstance(id, str):
        raise Invalid("A container has a kind and an id.", pointer="/container")
    try:
        return ref_of(kind, id)
    except NotFound:
        raise Invalid(
            "A kind is a letter and up to 26 letters, digits, - or _; an id is up to 255 characters "
            "without spaces and slashes.",
            pointer="/container",
        ) from None


def _asked(value: object, pointer: str) -> Asked:
    if isinstance(value, int | str) and not isinstance(value, bool):
        value = {"id": value}
    given = an_object(value, pointer, {*_NAMES, "name", "media_type"})
    names = {name: given[name] for name in _NAMES if given.get(name) is not None}
    reference, digest = _reference(names, pointer)
    wanted = Wanted(
        reference=reference,
        digest=digest,
        name=name_of(given, pointer),
        media_type=media_type_of(given, pointer),
    )
    return Asked(wanted, names, pointer)


def _reference(names: Mapping[str, Any], pointer: str) -> tuple[Reference, Digest | None]:
    """By its id or token, held to its digest if that is there too; or by its digest alone."""
    digest = None
    if "digest" in names:
        try:
            digest = digest_of(_text(names["digest"], f"{pointer}/digest"))
        except Malformed as error:
            raise Invalid(error.detail, pointer=f"{pointer}/digest") from None
    if ("id" in names) == ("token" in names):
        if "id" in names or digest is None:
            raise Invalid("An attachment is named by id, token or digest.", pointer=pointer)
        return ByDigest(digest), None
    if "token" in names:
        try:
            return ByToken(token_of(_text(names["token"], f"{pointer}/token"))), digest
        except BadName:
            return NOWHERE, digest
    return _by_id(names["id"], f"{pointer}/id"), digest


def _by_id(value: object, pointer: str) -> Reference:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    try:
        return reference_of(_text(value, pointer))
    except NotFound:
        return NOWHERE


def _text(value: object, pointer: str) -> str:
    if not isinstance(value, str):
        raise Invalid("Text is expected.", pointer=pointer)
    return value


def name_of(given: Mapping[str, Any], pointer: str) -> str | None:
    if given.get("name") is None:
        return None
    try:
        return clean_filename(_text(given["name"], f"{pointer}/name"))
    except BadName as error:
        raise BadName(pointer=f"{pointer}/name") from error


def media_type_of(given: Mapping[str, Any], pointer: str) -> str | None:
    if given.get("media_type") is None:
        return None
    cleaned = clean_media_type(_text(given["media_type"], f"{pointer}/media_type"))
    if cleaned is None:
        raise Invalid("This is not a media type.", pointer=f"{pointer}/media_type")
    return cleaned

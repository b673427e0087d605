"""Fields of a body, as a form or as JSON: the documentation's curl lines send the one, its libraries the other."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qsl

from starlette.requests import Request

from coatcheck.domain.claim import ByPublicId, Wanted
from coatcheck.domain.errors import Invalid, Malformed, Missing, TooMany
from coatcheck.services.ports import Body
from coatcheck.web.headers import single
from coatcheck.web.headers.content_encoding import refuse_encoded
from coatcheck.web.streaming import parse_json, read_bytes

_MAX_BODY = 256 * 1024
_MOST_FIELDS = 1000
#: That a message has.
MOST_ATTACHMENTS = 100
_NUMBERED = re.compile(r"\[\d{1,4}\]\Z")


@dataclass(frozen=True, slots=True)
class Fields:
    """Values by name: texts, or what JSON makes of them; a form's repeated name is a list."""

    values: Mapping[str, object]

    def text(self, name: str) -> str | None:
        """None where it is absent. Raises Invalid where it is no text."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise Invalid(f"{name} has to be a string.", field=name)
        return value

    def required(self, name: str) -> str:
        """Raises Missing, Invalid."""
        value = self.text(name)
        if not value:
            raise Missing(f"{name} is required.", field=name)
        return value

    def attachments(self) -> tuple[Wanted, ...] | None:
        """`attachments[]=id`, `attachments=id1,id2`, or a JSON array of ids or objects; None where it is absent.

        Raises Invalid.
        """
        name = next(
            (each for each in ("attachments", "attachments[]") if each in self.values), None
        )
        if name is None:
            return None
        ids = _ids(self.values[name])
        if len(ids) > MOST_ATTACHMENTS:
            raise too_many("attachments")
        return tuple(Wanted(reference=ByPublicId(id)) for id in ids)

    def reactions(self) -> list[str] | None:
        """`reactions[]=text`, or a JSON array of texts; None where it is absent. Raises Invalid."""
        given = self.values.get("reactions", self.values.get("reactions[]"))
        if given is None:
            return None
        listed = given if isinstance(given, list) else [given] if given else []
        reactions = [each for each in listed if isinstance(each, str)]
        if len(reactions) != len(listed):
            raise Invalid("reactions has to be a list of strings.", field="reactions")
        return reactions

    def fingerprint(self) -> str:
        """The same for the same values, as a form or as JSON."""
        return sha256(json.dumps(self.values, sort_keys=True).encode()).hexdigest()


def too_many(field: str) -> TooMany:
    return TooMany(
        f"A message has {MOST_ATTACHMENTS} attachments at most.",
        what="attachments",
        limit=MOST_ATTACHMENTS,
        field=field,
    )


async def read_fields(request: Request, body: Body) -> Fields:
    """Raises Malformed, Incomplete, TooLarge, Unsupported."""
    refuse_encoded(request.headers)
    kind = (single(request.headers, "content-type") or "").partition(";")[0].strip().lower()
    data = await read_bytes(body, _MAX_BODY)
    if not data:
        return Fields({})
    if kind == "application/x-www-form-urlencoded":
        return Fields(_form(data))
    value = parse_json(data)
    if not isinstance(value, dict):
        raise Malformed("The body has to be a JSON object, or a form.")
    return Fields(value)


def _form(data: bytes) -> dict[str, object]:
    try:
        pairs = parse_qsl(
            data.decode("utf-8"),  # curl -d sends a text as it was typed
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise Malformed("The body is not a form.") from None
    if any("\0" in text for pair in pairs for text in pair):
        raise Malformed("A field holds a NUL.")
    values: dict[str, object] = {}
    for given, value in pairs:
        name = _NUMBERED.sub("[]", given)  # as PHP writes the items of a list
        before = values.get(name)
        if before is None:
            values[name] = value
        else:
            values[name] = [*before, value] if isinstance(before, list) else [before, value]
    return values


def _ids(given: object) -> Sequence[str]:
    if given is None or given == "":
        return ()
    if isinstance(given, str) and given.lstrip().startswith("["):
        given = parse_json(given.encode())
    if isinstance(given, str):
        return [id.strip() for id in given.split(",")]
    if not isinstance(given, list):
        raise Invalid("attachments has to be a list.", field="attachments")
    ids = [each.get("id") if isinstance(each, dict) else each for each in given]
    texts = [id for id in ids if isinstance(id, str)]
    if len(texts) != len(ids):
        raise Invalid("attachments has to be a list of ids.", field="attachments")
    return texts

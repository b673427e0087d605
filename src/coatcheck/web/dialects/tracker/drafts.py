"""What a client says of an issue or a comment: read, checked, and put into the core's words.

Where Tracker takes a reference it may be text, a number, or an object that has one of those as its key, id or name.
A list of them is a list, or what is to be done to the list that is there: `{"add": […], "remove": […]}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers

from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.errors import Malformed, TooLarge
from coatcheck.services.ports import Body
from coatcheck.web.dialects.tracker.errors import BadFields, StaleMatch
from coatcheck.web.headers import single
from coatcheck.web.headers.content_encoding import refuse_encoded
from coatcheck.web.ids import RECORD_ID
from coatcheck.web.streaming import read_json

#: Bytes of JSON.
_MAX_SIZE = 1024 * 1024

_QUEUE = re.compile(r"[A-Z]{1,15}")
_VERSION = re.compile(r'"?([0-9]{1,9})"?')

_MAX_TEXT = 255
_MAX_LIST = 100

_TEXTS = ("summary", "description")
_REFERENCES = ("type", "priority", "parent", "assignee")
_LISTS = ("followers", "sprint")
_NAMES = ("key", "login", "id", "uid", "name", "display")
_CHANGES = {"add", "remove", "set"}


@dataclass(frozen=True, slots=True)
class ListChange:
    add: list[str]
    remove: list[str]
    name: str

    def applied(self, before: list[str]) -> list[str]:
        """Raises BadFields."""
        kept = [each for each in before if each not in self.remove]
        changed = kept + [each for each in self.add if each not in kept]
        if len(changed) > _MAX_LIST:
            raise BadFields({self.name: f"No more than {_MAX_LIST} at once."})
        return changed


@dataclass(frozen=True, slots=True)
class IssueDraft:
    """`values` are the fields that were given; None clears one, and a ListChange goes by what there is.

    `wanted` None: attachments are not spoken of.
    """

    values: dict[str, Any]
    wanted: tuple[Wanted, ...] | None
    queue: str = ""
    unique: str | None = None


@dataclass(frozen=True, slots=True)
class CommentDraft:
    values: dict[str, Any]
    wanted: tuple[Wanted, ...] | None


async def read_object(headers: Headers, body: Body) -> dict[str, Any]:
    """Raises Malformed, TooLarge, Incomplete, Unsupported."""
    refuse_encoded(headers)
    try:
        value = await read_json(body, _MAX_SIZE)
    except TooLarge as error:
        raise TooLarge(field="body", **error.facts) from None
    if not isinstance(value, dict):
        raise Malformed("The body is not a JSON object.")
    return value


def new_issue(given: Mapping[str, Any]) -> IssueDraft:
    """Raises BadFields with all that is wrong."""
    reading = _Reading(given)
    queue = (reading.reference("queue") or "").upper()
    if not _QUEUE.fullmatch(queue):
        reading.errors["queue"] = "Queue does not exist."
    unique = reading.reference("unique") or None
    values, wanted = _issue_fields(reading)
    if not values.get("summary"):
        reading.errors.setdefault("summary", "Summary is required.")
    reading.settle()
    return IssueDraft(values, wanted, queue, unique)


def changed_issue(given: Mapping[str, Any]) -> IssueDraft:
    """Raises BadFields with all that is wrong."""
    reading = _Reading(given)
    values, wanted = _issue_fields(reading)
    if "summary" in values and not values["summary"]:
        reading.errors.setdefault("summary", "Summary is required.")
    reading.settle()
    return IssueDraft(values, wanted)


def new_comment(given: Mapping[str, Any]) -> CommentDraft:
    """Raises BadFields with all that is wrong."""
    draft = changed_comment({"text": None, **given})
    return CommentDraft({"summonees": [], "maillist_summonees": [], **draft.values}, draft.wanted)


def changed_comment(given: Mapping[str, Any]) -> CommentDraft:
    """Raises BadFields with all that is wrong."""
    reading = _Reading(given)
    values: dict[str, Any] = {}
    if "text" in given:
        values["text"] = reading.text("text") or ""
        if not values["text"].strip():
            reading.errors.setdefault("text", "Comment text is required.")
    for name, kept in (("summonees", "summonees"), ("maillistSummonees", "maillist_summonees")):
        if name in given:
            values[kept] = reading.references(name)
    wanted = reading.attachments("attachmentIds")
    reading.settle()
    return CommentDraft(values, wanted)


def expected_version(headers: Headers, version: str | None) -> int | None:
    """The version that is to be changed, by If-Match or by `?version=`. Raises StaleMatch, BadFields."""
    if version is not None and not _VERSION.fullmatch(version):
        raise BadFields({"version": "The version is not a number."})
    named = int(version.strip('"')) if version is not None else None
    given = single(headers, "if-match")
    if given is None or given.strip() == "*":
        return named
    matched = _VERSION.fullmatch(given.strip())
    if matched is None or named not in (None, int(matched[1])):
        raise StaleMatch
    return int(matched[1])


def id_of(value: object) -> int | None:
    """The id as a number, given as one or as its digits; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    return int(text) if RECORD_ID.fullmatch(text) else None


def _issue_fields(reading: _Reading) -> tuple[dict[str, Any], tuple[Wanted, ...] | None]:
    given = reading.given
    values: dict[str, Any] = {name: reading.text(name) for name in _TEXTS if name in given}
    values |= {name: reading.reference(name) for name in _REFERENCES if name in given}
    values |= {name: reading.references(name) for name in _LISTS if name in given}
    lists = [reading.attachments(name) for name in ("attachmentIds", "descriptionAttachmentIds")]
    spoken_of = [each for each in lists if each is not None]
    return values, tuple(want for each in spoken_of for want in each) if spoken_of else None


@dataclass(slots=True)
class _Reading:
    """Fields out of a JSON object; what is wrong with them gathers in `errors`."""

    given: Mapping[str, Any]
    errors: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        value = self.given.get(name)
        if value is None or isinstance(value, str):
            return value
        self.errors[name] = "Text is expected."
        return None

    def reference(self, name: str) -> str | None:
        return self._reference(name, self.given.get(name))

    def references(self, name: str) -> list[str] | ListChange:
        value = self.given.get(name)
        if not isinstance(value, dict) or not value.keys() & _CHANGES:
            return self._references(name, value)
        if "set" in value:
            return self._references(name, value["set"])
        add, remove = (self._references(name, value.get(how)) for how in ("add", "remove"))
        return ListChange(add, remove, name)

    def _references(self, name: str, value: object) -> list[str]:
        many = value if isinstance(value, list) else [value]
        if len(many) > _MAX_LIST:
            self.errors[name] = f"No more than {_MAX_LIST} at once."
            return []
        found = [self._reference(name, each) for each in many if each is not None]
        return [each for each in found if each]

    def attachments(self, name: str) -> tuple[Wanted, ...] | None:
        value = self.given.get(name)
        if value is None:
            return None
        ids = [id_of(each) for each in value] if isinstance(value, list) else [None]
        if len(ids) > _MAX_LIST:
            self.errors[name] = f"No more than {_MAX_LIST} attachments at once."
        elif None in ids:
            self.errors[name] = "A list of attachment ids is expected."
        return tuple(Wanted(reference=ById(id)) for id in ids if id is not None)

    def settle(self) -> None:
        if self.errors:
            raise BadFields(self.errors)

    def _reference(self, name: str, value: object) -> str | None:
        if isinstance(value, dict):
            named = next((value[key] for key in _NAMES if value.get(key)), None)
            value = {} if value and named is None else named
        if value is None or (isinstance(value, str) and len(value) <= _MAX_TEXT):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        self.errors[name] = "The value is not valid."
        return None

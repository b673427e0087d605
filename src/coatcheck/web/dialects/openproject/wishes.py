"""What a client asks of a work package: its JSON, read and judged in one go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from coatcheck.domain.claim import ById, Wanted
from coatcheck.web.dialects.openproject import linked
from coatcheck.web.dialects.openproject.errors import (
    MAX_LENGTH,
    Findings,
    violation,
    wrong_format,
    wrong_link,
)
from coatcheck.web.dialects.openproject.form import shown, text_of
from coatcheck.web.dialects.openproject.hal import ROOT

#: More at once nobody attaches by hand.
_MOST_ATTACHMENTS = 500

#: What a work package is unless somebody says otherwise.
DEFAULTS: dict[str, Any] = {"subject": "", "description": None, **linked.DEFAULTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """`attachments` None: nothing is said of them. `values` are only those that were given."""

    values: Mapping[str, Any] = field(default_factory=dict)
    attachments: tuple[Wanted, ...] | None = None
    lock_version: int | None = None

    def onto(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {**body, **self.values}

    def in_project(self, id: int) -> Wishes:
        return replace(self, values={**self.values, "project": f"{ROOT}/projects/{id}"})


#: Made where a client looks for number one and there is none.
DEMO = Wishes(values={"subject": "Demo work package"})


def read_wishes(document: Mapping[str, Any], *, new: bool) -> Wishes:
    """What the server does not know is ignored. Raises all that is wrong."""
    findings = Findings()
    values: dict[str, Any] = {}
    if new or "subject" in document:
        values["subject"] = findings.attempt(lambda: _subject(document.get("subject")), "")
    if "description" in document:
        described = document["description"]
        values["description"] = findings.attempt(lambda: text_of("description", described), None)
    lock_version = findings.attempt(lambda: _lock_version(document.get("lockVersion")), None)
    nowhere: dict[str, Any] = {}
    links = findings.attempt(lambda: _links(document.get("_links")), nowhere)
    for name in linked.COLLECTIONS:
        if name in links:
            values[name] = findings.attempt(partial(_href, name, links[name]), "")
    attachments = findings.attempt(lambda: _attachments(links.get("attachments")), None)
    findings.settle()
    return Wishes(values=values, attachments=attachments, lock_version=lock_version)


def _subject(value: object) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise violation("subject", "Subject can't be blank.")
    if not isinstance(value, str):
        raise wrong_format("subject", "A subject", shown(value))
    if len(value) > MAX_LENGTH:
        raise violation("subject", f"Subject is too long (maximum is {MAX_LENGTH} characters).")
    return value


def _lock_version(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise wrong_format("lockVersion", "0", shown(value))
    return value


def _links(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_format("_links", '{"attachments": []}', shown(value))
    return value


def _href(name: str, link: object) -> str:
    collection = linked.COLLECTIONS[name]
    href = link.get("href") if isinstance(link, dict) else link
    if href is None:
        raise violation(name, f"{name.capitalize()} can't be blank.")
    if _id_in(href, collection) is None:
        raise wrong_link(name, f"{ROOT}/{collection}/:id", _given(href))
    return str(href)


def _attachments(value: object) -> tuple[Wanted, ...] | None:
    """Anything but a list is ignored, as upstream does."""
    if not isinstance(value, list):
        return None
    if len(value) > _MOST_ATTACHMENTS:
        raise violation(
            "attachments", f"Attachments is too long (maximum is {_MOST_ATTACHMENTS} elements)."
        )
    return tuple(Wanted(reference=ById(_attachment_id(each))) for each in value)


def _attachment_id(link: object) -> int:
    href = link.get("href") if isinstance(link, dict) else link
    id = _id_in(href, "attachments")
    if id is None:
        raise wrong_link("attachments", f"{ROOT}/attachments/:id", _given(href))
    return id


def _id_in(href: object, collection: str) -> int | None:
    """The number at the end; 0, which nothing has, for one that no column could hold."""
    if not isinstance(href, str):
        return None
    match = re.fullmatch(rf"{ROOT}/{collection}/([0-9]+)", href)
    if match is None:
        return None
    return int(match[1]) if len(match[1]) <= 18 else 0


def _given(href: object) -> str:
    return href if isinstance(href, str) else shown(href)

"""Addresses of things. Clients choose the type of what they got by the path in its `self`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Links:
    """`root` is scheme, host and version: http://host/v2."""

    root: str

    def user(self, id: object) -> str:
        return f"{self.root}/users/{_segment(id)}"

    def issue(self, key: str) -> str:
        return f"{self.root}/issues/{_segment(key)}"

    def comment(self, issue: str, id: int) -> str:
        return f"{self.issue(issue)}/comments/{id}"

    def entity(self, kind: str, id: str) -> str:
        return f"{self.root}/entities/{kind}/{_segment(id)}"

    def listed(self, list_name: str, id: object) -> str:
        """An entry of one of the short lists: issuetypes, priorities, statuses, queues, fields, sprints."""
        return f"{self.root}/{list_name}/{_segment(id)}"

    def under(self, issue: str | None) -> str:
        """What the addresses of an attachment begin with: the issue that has it, or the root of all."""
        return self.root if issue is None else self.issue(issue)


def attachment(place: str, id: int) -> str:
    return f"{place}/attachments/{id}"


def content(place: str, id: int, name: str) -> str:
    return f"{attachment(place, id)}/{_segment(name)}"


def thumbnail(place: str, id: int) -> str:
    return f"{place}/thumbnails/{id}"


def _segment(text: object) -> str:
    return quote(str(text), safe="")

"""Attachments, issues, comments and people as Tracker shows them."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import JSONResponse

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import Claim
from coatcheck.domain.container import Container
from coatcheck.domain.media_type import bare
from coatcheck.domain.principal import Person, Principal
from coatcheck.services.bundle import Services
from coatcheck.web.dialects.tracker import links as addresses
from coatcheck.web.dialects.tracker import shapes
from coatcheck.web.dialects.tracker.finding import COMMENT, long_id
from coatcheck.web.dialects.tracker.links import Links

#: What a file is called that was left through an API where it need not have a name.
NAMELESS = "file"

#: Key -> (id, what it is called). Any other key is taken as it is.
_TYPES = {
    "bug": ("1", "Bug"),
    "task": ("2", "Task"),
    "newFeature": ("3", "New Feature"),
    "improvement": ("4", "Improvement"),
    "story": ("5", "Story"),
    "epic": ("6", "Epic"),
}
_PRIORITIES = {
    "trivial": ("1", "Trivial"),
    "minor": ("2", "Minor"),
    "normal": ("3", "Normal"),
    "critical": ("4", "Critical"),
    "blocker": ("5", "Blocker"),
}
_OPEN = {"open": ("1", "Open")}

Held = Sequence[tuple[Container, Claim]]


def answer(
    shown: shapes.Shape | Sequence[shapes.Shape], status: int = 200, *, location: str | None = None
) -> JSONResponse:
    """Keys without a value are left out: to Tracker's clients an absent one and null are not the same."""
    many = [shown] if isinstance(shown, shapes.Shape) else shown
    dumped = [each.model_dump(by_alias=True, exclude_none=True) for each in many]
    return JSONResponse(
        dumped[0] if isinstance(shown, shapes.Shape) else dumped,
        status_code=status,
        headers={"Location": location} if location else None,
    )


def instant(time: int) -> str:
    """`2017-06-11T05:16:01.339+0000`, from ms since 1970."""
    seconds, ms = divmod(time, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}+0000"


@dataclass(frozen=True, slots=True)
class View:
    """What it takes to show things: where they are, who they are of, and of which attachments there are thumbnails."""

    links: Links
    people: Mapping[int, Person]
    has_thumbnail: Callable[[Attachment], bool]

    @classmethod
    async def of(
        cls,
        services: Services,
        caller: Principal,
        links: Links,
        attachments: Iterable[Attachment] = (),
        *containers: Container,
    ) -> View:
        """For these, and all who are named with them."""
        ids = {each.owner_id for each in attachments}
        for container in containers:
            ids |= {container.owner_id, _last_writer(container)}
            ids |= {each["by"] for each in _imported(container).values()}
        return cls(links, await services.people.some(caller, ids), services.thumbnails.offers)

    def attachment(
        self,
        attachment: Attachment,
        *,
        issue: Container | None = None,
        holder: Container | None = None,
        name: str | None = None,
    ) -> shapes.Attachment:
        """`issue` is where it is shown, `holder` what has it; `name` what that calls it."""
        id, place = attachment.id, self.links.under(issue.ref.external_id if issue else None)
        shown_name = name or attachment.name or NAMELESS
        origin = _imported(issue).get(str(id), {}) if issue else {}
        return shapes.Attachment(
            self=addresses.attachment(place, id),
            id=str(id),
            name=shown_name,
            content=addresses.content(place, id, shown_name),
            thumbnail=addresses.thumbnail(place, id) if self.has_thumbnail(attachment) else None,
            created_by=self.user(origin.get("by", attachment.owner_id)),
            created_at=instant(origin.get("at", attachment.created_at)),
            mimetype=bare(attachment.media_type),
            size=attachment.size,
            metadata=_metadata(attachment),
            comment_id=holder.ref.external_id if holder and holder.ref.kind == COMMENT else None,
        )

    def issue(self, issue: Container, held: Held) -> shapes.Issue:
        body, key, links = issue.body, issue.ref.external_id, self.links
        assignee = body.get("assignee")
        return shapes.Issue(
            self=links.issue(key),
            id=long_id(issue),
            key=key,
            version=issue.version,
            parent=_issue_ref(body.get("parent"), links),
            summary=body.get("summary") or key,
            description=body.get("description"),
            sprint=self._named("sprints", body.get("sprint", ())) or None,
            type=_keyed(links, "issuetypes", _TYPES, body.get("type") or "task"),
            priority=_keyed(links, "priorities", _PRIORITIES, body.get("priority") or "normal"),
            followers=self._users(body.get("followers", ())) or None,
            assignee=self._users([assignee])[0] if assignee else None,
            queue=_keyed(links, "queues", {}, key.rpartition("-")[0]),
            status=_keyed(links, "statuses", _OPEN, "open"),
            created_at=instant(issue.created_at),
            created_by=self.user(issue.owner_id),
            updated_at=instant(issue.updated_at),
            updated_by=self.user(_last_writer(issue)),
            attachments=self._refs([claim for _, claim in held], key),
        )

    def comment(
        self,
        comment: Container,
        issue: Container,
        claims: Sequence[Claim],
        expand: frozenset[str] = frozenset(),
    ) -> shapes.Comment:
        body, key = comment.body, issue.ref.external_id
        number, text = int(comment.ref.external_id), body.get("text", "")
        return shapes.Comment(
            self=self.links.comment(key, number),
            id=number,
            long_id=long_id(comment),
            text=text,
            text_html=f"<p>{html.escape(text)}</p>" if expand & {"html", "all"} else None,
            attachments=self._refs(claims, key),
            summonees=self._users(body.get("summonees", ())),
            maillist_summonees=self._named("maillists", body.get("maillist_summonees", ())),
            created_by=self.user(comment.owner_id),
            updated_by=self.user(_last_writer(comment)),
            created_at=instant(comment.created_at),
            updated_at=instant(comment.updated_at),
            version=comment.version,
        )

    def entity(self, entity: Container) -> shapes.Entity:
        kind, id = entity.ref.kind, entity.ref.external_id
        return shapes.Entity(
            self=self.links.entity(kind, id),
            id=id,
            version=entity.version,
            short_id=entity.id,
            entity_type=kind,
            created_by=self.user(entity.owner_id),
            created_at=instant(entity.created_at),
            updated_at=instant(entity.updated_at),
        )

    def user(self, id: int) -> shapes.UserRef:
        person = self.people.get(id)
        login, display = (person.login, person.display) if person else (str(id), str(id))
        return shapes.UserRef(self=self.links.user(id), id=login, display=display)

    def _users(self, names: Iterable[str]) -> list[shapes.UserRef]:
        """Those of whom an issue or comment says no more than a name."""
        return [shapes.UserRef(self=self.links.user(each), id=each, display=each) for each in names]

    def _named(self, list_name: str, ids: Iterable[str]) -> list[shapes.Ref]:
        listed = self.links.listed
        return [shapes.Ref(self=listed(list_name, each), id=each, display=each) for each in ids]

    def _refs(self, claims: Iterable[Claim], issue: str) -> list[shapes.Ref]:
        place = self.links.issue(issue)
        return [
            shapes.Ref(
                self=addresses.attachment(place, each.attachment.id),
                id=str(each.attachment.id),
                display=each.shown_name or NAMELESS,
            )
            for each in claims
        ]


def user_of(person: Person, links: Links) -> shapes.User:
    return shapes.User(
        self=links.user(person.id),
        uid=person.id,
        login=person.login,
        tracker_uid=person.id,
        passport_uid=person.id,
        cloud_uid=str(person.id),
        first_name=person.display,
        last_name="",
        display=person.display,
        email="",
    )


def _metadata(attachment: Attachment) -> shapes.Metadata | None:
    if attachment.width is None or attachment.height is None:
        return None
    return shapes.Metadata(size=f"{attachment.width}x{attachment.height}")


def _keyed(
    links: Links, list_name: str, known: Mapping[str, tuple[str, str]], given: str
) -> shapes.KeyedRef:
    """By its key, its id or its name."""
    by_other = {other: key for key, others in known.items() for other in others}
    key = by_other.get(given, given)
    id, display = known.get(key, (key, key))
    return shapes.KeyedRef(self=links.listed(list_name, id), id=id, key=key, display=display)


def _issue_ref(key: str | None, links: Links) -> shapes.KeyedRef | None:
    return shapes.KeyedRef(self=links.issue(key), id=key, key=key, display=key) if key else None


def _imported(issue: Container) -> Mapping[str, Mapping[str, int]]:
    """Who attached what was imported, and when in ms since 1970, by the attachment's id."""
    imported: Mapping[str, Mapping[str, int]] = issue.body.get("imported", {})
    return imported


def _last_writer(container: Container) -> int:
    writer = container.body.get("updated_by")
    return writer if isinstance(writer, int) else container.owner_id

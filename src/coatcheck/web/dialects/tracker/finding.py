"""Issues and comments by what clients call them: a key, a number, or the 24 hexadecimal digits of an id."""

from __future__ import annotations

import re

from coatcheck.domain.claim import Claim
from coatcheck.domain.container import Container, ContainerRef
from coatcheck.domain.errors import NotFound
from coatcheck.domain.principal import Person, Principal
from coatcheck.services.bundle import Services
from coatcheck.web.dialects.tracker.errors import lacking
from coatcheck.web.ids import RECORD_ID

ISSUE = "issue"
COMMENT = "comment"

_KEY = re.compile(r"[A-Z]{1,15}-[1-9][0-9]{0,17}")
_LONG = re.compile(r"0{8}[0-9a-f]{16}")
_INT64 = 1 << 63


def long_id(container: Container) -> str:
    """As long as Tracker's own ids, which are a MongoDB's."""
    return f"{container.id:024x}"


async def find_issue(services: Services, caller: Principal, key: str) -> Container:
    """By key or id. Raises NotFound."""
    with lacking("Issue"):
        return await _find(services, caller, ISSUE, key.upper(), _KEY)


async def find_comment(
    services: Services, caller: Principal, issue: Container, id: str
) -> Container:
    """Of that issue. Raises NotFound."""
    with lacking("Comment"):
        found = await _find(services, caller, COMMENT, id, RECORD_ID)
        if found.parent_id != issue.id:
            raise NotFound
        return found


async def find_attached(
    services: Services, caller: Principal, issue: Container, id: str
) -> tuple[Container, Claim]:
    """What has it, the issue or one of its comments, and the hold. Raises NotFound."""
    return await services.containers.find_within(caller, issue.ref, COMMENT, attachment_id(id))


def attachment_id(text: str) -> int:
    """Raises NotFound for what no attachment can be called."""
    if not RECORD_ID.fullmatch(text):
        raise NotFound
    return int(text)


async def _find(
    services: Services, caller: Principal, kind: str, text: str, pattern: re.Pattern[str]
) -> Container:
    if _LONG.fullmatch(text.lower()) and (row := int(text, 16)) < _INT64:
        return await services.containers.find_by_row(caller, row, kind)
    if not pattern.fullmatch(text):
        raise NotFound
    return await services.containers.get(caller, ContainerRef(kind, text))


async def find_person(services: Services, caller: Principal, id: str) -> Person:
    """By number or login. Raises NotFound."""
    with lacking("User"):
        if RECORD_ID.fullmatch(id):
            return await services.people.find(caller, int(id))
        return await services.people.find_by_login(caller, id)

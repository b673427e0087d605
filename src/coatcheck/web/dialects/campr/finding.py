"""Posts by their ids, and what they call their attachments."""

from __future__ import annotations

import re

from coatcheck.domain.container import Container, ContainerRef
from coatcheck.domain.errors import NotFound
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services

KIND = "post"

_ID = re.compile(r"[0-9a-f]{32}")
_VERSION_ID = re.compile(r"[0-9a-f]{64}")


async def called_in_post(
    services: Services, caller: Principal, id: str, version: str | None, digest: str
) -> tuple[str | None, str]:
    """The name and type that a post gives to an attachment of its. Raises NotFound."""
    post = await find_post(services, caller, id, version)
    for each in post.body["attachments"]:
        if each["digest"] == digest:
            return each["name"], each["content_type"]
    raise NotFound


async def find_post(
    services: Services, caller: Principal, id: str, version: str | None
) -> Container:
    if version is None:
        return await services.containers.get(caller, ref_of(id))
    if _VERSION_ID.fullmatch(version) is None:
        raise NotFound
    return await services.containers.get_version(caller, ref_of(id), "version_id", version)


def ref_of(id: str) -> ContainerRef:
    if _ID.fullmatch(id) is None:
        raise NotFound
    return ContainerRef(KIND, id)

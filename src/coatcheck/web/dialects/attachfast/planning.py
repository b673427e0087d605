"""What a request wants a folder to be called, and where it wants it."""

from __future__ import annotations

from coatcheck.domain.errors import BadName, NotFound
from coatcheck.domain.names import clean_folder_name
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.web.dialects.attachfast.envelope import id_of, text_of
from coatcheck.web.dialects.attachfast.errors import Findings

_NO_PARENT = "Parent must exist"


def read_name(value: object, findings: Findings) -> str:
    def parse() -> str:
        text = text_of(value)
        if text is None:
            raise BadName(field="name", reason="invalid")
        return clean_folder_name(text)

    return findings.attempt(parse, "")


def read_parent(value: object, findings: Findings) -> int | None:
    """Null is the root, and so is what a form sends for it."""
    if value is None or value == "":
        return None
    parent_id = id_of(value)
    if parent_id is None:
        findings.note(_NO_PARENT)
    return parent_id


async def settle(
    findings: Findings, parent_id: object, services: Services, caller: Principal
) -> None:
    """Raises Invalid where anything was found; whether the parent exists is told in the same answer."""
    if findings.messages and isinstance(parent_id, int):
        try:
            await services.folders.get(caller, parent_id)
        except NotFound:
            findings.note(_NO_PARENT)
    findings.settle()

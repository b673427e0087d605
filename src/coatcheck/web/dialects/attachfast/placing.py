"""The fields of a chunk: which upload it belongs to, and where in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from coatcheck.domain.errors import TooLarge
from coatcheck.domain.folder import Filing
from coatcheck.domain.media_type import OCTET_STREAM
from coatcheck.services.commands import Placement
from coatcheck.web.config import WireConfig
from coatcheck.web.dialects.attachfast.allowed_types import is_allowed
from coatcheck.web.dialects.attachfast.errors import Findings, refused
from coatcheck.web.dialects.attachfast.forms import UploadForm
from coatcheck.web.dialects.attachfast.naming import name_of_key, parse_folders, type_of_whole

_ORDINAL = re.compile(r"[1-9][0-9]{0,8}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_KEY = re.compile(r".{1,255}", re.S)

_ROOT: tuple[str, ...] = ()

#: (field, what is said when it is missing, its form, what is said of another form), in the order of the answer.
_FIELDS = (
    ("chunk", "Missing chunk number", _ORDINAL, "Chunk number is invalid"),
    ("total_size", "Missing total size", _SIZE, "Total size is invalid"),
    ("key", "Missing key", _KEY, "Key is invalid"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The fields of a chunk, read and found valid. `total` is the size of the whole file in bytes."""

    ordinal: int
    total: int
    key: str
    filing: Filing

    def placement(self, config: WireConfig, head: bytes | None = None) -> Placement:
        """`head` are the chunk's first bytes, once they are there. Raises Invalid for a type not accepted here."""
        beginning = head if self.ordinal == 1 else None
        media_type = type_of_whole(self.filing.base, beginning or b"")
        told = media_type or (OCTET_STREAM if beginning is not None else "")
        if told and not is_allowed(config.allowed_types, told, self.filing.base, beginning or b""):
            raise refused("File type not allowed")
        return Placement(
            key=self.key,
            total=self.total,
            ordinal=self.ordinal,
            name=self.filing.base,
            media_type=media_type,
            filing=self.filing,
        )


def has_all(upload: UploadForm) -> bool:
    """Whether everything that is required came before the file, or instead of it."""
    return upload.file is None or all(field in upload.fields for field, *_ in _FIELDS)


def read_chunk(upload: UploadForm, config: WireConfig) -> Chunk:
    """Raises Invalid with everything that is missing or not valid."""
    findings = Findings()
    if upload.file is None:
        findings.note("File is required")
    for field, missing, form, invalid in _FIELDS:
        text = upload.fields.get(field, "")
        if not text.strip():
            findings.note(missing)
        elif form.fullmatch(text) is None:
            findings.note(invalid)
    fields, chunk_name = upload.fields, upload.file.filename if upload.file else None
    folders = findings.attempt(lambda: parse_folders(fields.get("folder")), _ROOT)
    findings.settle()
    total = int(fields["total_size"])
    if total > config.max_size:
        raise TooLarge(limit=config.max_size, field="total", messages=("File is too large",))
    name = findings.attempt(lambda: name_of_key(fields["key"], chunk_name), "")
    findings.settle()
    return Chunk(
        ordinal=int(fields["chunk"]),
        total=total,
        key=fields["key"],
        filing=Filing(folders=folders, base=name),
    )

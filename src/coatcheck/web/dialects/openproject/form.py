"""The form of an upload: `metadata`, a JSON object, and `file`, in any order; other parts are ignored.

The specification wants exactly two parts, metadata first. Real clients send the file first (pyopenproject), metadata
with a filename (browsers that wrap it in a Blob), with or without a content type, and descriptions in three forms.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from coatcheck.domain.errors import BadName, Malformed
from coatcheck.domain.names import clean_filename
from coatcheck.web.dialects.openproject.asking import FORM, an_object, expect
from coatcheck.web.dialects.openproject.errors import (
    MAX_LENGTH,
    bad_json,
    not_a_file,
    violation,
    wrong_format,
)
from coatcheck.web.multipart import FileForm, FormPart
from coatcheck.web.streaming import RequestBody, parse_json

_MISSING_PARTS = "The request body did not contain the expected multipart parts."

#: How much of a wrong value its sender is shown.
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Metadata:
    """`name` is all that the attachment is called by: the file part's own filename is ignored."""

    name: str
    description: str | None


class UploadForm:
    """The file's data end when the whole form has been read; only then is `metadata` sure to be there."""

    def __init__(self, form: FileForm) -> None:
        self._form = form

    @classmethod
    async def open(cls, request: Request, body: RequestBody) -> UploadForm:
        """Up to the first byte of the file. What can be said by then is said before the bytes have come."""
        content_type = expect(request, FORM)
        form = cls(await FileForm.open(body, content_type, fields=("metadata",)))
        if form._form.file is None or "metadata" in form._form.fields:
            form.metadata()
        return form

    @property
    def file(self) -> FormPart:
        if self._form.file is None:
            raise not_a_file()
        return self._form.file

    def metadata(self) -> Metadata:
        """Raises what is wrong first, in the order in which upstream looks."""
        fields = self._form.fields
        if "metadata" not in fields or (self._form.file is None and "file" not in fields):
            raise Malformed(_MISSING_PARTS)
        sent = _parsed(fields["metadata"])
        name = _name(sent.get("fileName"))
        if "file" in fields:
            raise not_a_file()
        return Metadata(name, text_of("description", sent.get("description"), MAX_LENGTH))


async def read_announcement(body: RequestBody, content_type: str) -> tuple[Metadata, int]:
    """The metadata of a file that is not in the form, and how many bytes it will have."""
    fields = (await FileForm.open(body, content_type, fields=("metadata",))).fields
    if "metadata" not in fields:
        raise Malformed(_MISSING_PARTS)
    sent = _parsed(fields["metadata"])
    metadata = Metadata(
        _name(sent.get("fileName")), text_of("description", sent.get("description"), MAX_LENGTH)
    )
    size = sent.get("fileSize")
    if size is None:
        raise violation("fileSize", "Size can't be blank.")
    if not isinstance(size, int) or isinstance(size, bool):
        raise wrong_format("fileSize", "24", shown(size))
    if size < 1:
        raise violation("fileSize", "Size must be greater than 0.")
    return metadata, size


def text_of(attribute: str, value: object, limit: int | None = None) -> str | None:
    """A text that may come bare, as `{"raw": …}`, or not at all."""
    text = value.get("raw") if isinstance(value, dict) else value
    if text is not None and not isinstance(text, str):
        raise wrong_format(attribute, '{"raw": "…"}', shown(value))
    if limit is not None and len(text or "") > limit:
        raise violation(
            attribute, f"{_human(attribute)} is too long (maximum is {limit} characters)."
        )
    return text or None


def shown(value: object) -> str:
    """What a message says was sent."""
    return json.dumps(value, ensure_ascii=False)[:_SHOWN]


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = parse_json(text.encode())
    except Malformed:
        raise bad_json() from None
    return an_object(value)


def _name(value: object) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise violation("fileName", "File can't be blank.")
    if not isinstance(value, str):
        raise wrong_format("fileName", "cat.png", shown(value))
    try:
        return clean_filename(value)
    except BadName:
        too_long = f"File is too long (maximum is {MAX_LENGTH} characters)."
        raise violation(
            "fileName", too_long if len(value) > MAX_LENGTH else "File is invalid."
        ) from None


def _human(attribute: str) -> str:
    return attribute[:1].upper() + attribute[1:]

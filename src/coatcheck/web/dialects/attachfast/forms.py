"""The form of an upload: multipart, or, where a client has no file to send, what its HTTP library makes of that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from coatcheck.domain.errors import Malformed, Missing, TooLarge, Unsupported
from coatcheck.web.headers import single
from coatcheck.web.multipart import FileForm, FormPart
from coatcheck.web.streaming import RequestBody, read_bytes

_URLENCODED = "application/x-www-form-urlencoded"
_MAX_FIELDS_SIZE = 64 * 1024


@dataclass(frozen=True, slots=True)
class UploadForm:
    """`fields` grows while the data of `file` is read, and is complete when they end."""

    fields: Mapping[str, str]
    file: FormPart | None

    @property
    def sent(self) -> FormPart:
        """The file. Raises Missing."""
        if self.file is None:
            raise Missing("File is required", field="file")
        return self.file


async def open_form(request: Request, body: RequestBody, fields: Collection[str]) -> UploadForm:
    """Up to the first byte of the file. Raises Malformed, Unsupported, Incomplete, TooLarge(field=…), Invalid."""
    content_type = single(request.headers, "content-type")
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind in ("", _URLENCODED):
        return UploadForm(await _without_file(body, kind), None)
    form = await FileForm.open(body, content_type, fields=fields)
    return UploadForm(form.fields, form.file)


async def _without_file(body: RequestBody, kind: str) -> dict[str, str]:
    """Fields only: HTTP libraries encode a form without a file like this, and leave an empty one out."""
    try:
        data = await read_bytes(body, _MAX_FIELDS_SIZE)
        text = data.decode("ascii")
        fields = dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=16))
    except (TooLarge, ValueError):
        raise Malformed from None
    if data and not kind:
        raise Unsupported
    if any("\0" in value for value in fields.values()):
        raise Malformed
    return fields

"""multipart/form-data (RFC 7578 over RFC 2046), pulled part by part, with nothing spooled.

Starlette's form parser writes files to a disk before anybody knows who sends them, and neither it
nor python-multipart's `finalize()` minds a body whose end is missing. Here a part is whole only when
its own end was seen, and a form only when its closing boundary was.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from dataclasses import dataclass, replace

from coatcheck.domain.errors import Incomplete, Invalid, Malformed, TooLarge
from coatcheck.services.ports import Body
from coatcheck.web.headers.content_disposition import parse_part_disposition
from coatcheck.web.headers.content_type import parse_boundary
from coatcheck.web.multipart_events import Event, Events, Mark, PartHeaders
from coatcheck.web.streaming import read_bytes

# More at once would only hold more memory.
_FEED = 256 * 1024

_PLAIN_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})


class PartData:
    """The bytes of one part, to be iterated before the next part is asked for.

    They end quietly when the sender hangs up; then `cut` is true. They end with Malformed when the
    body is over before the part is.
    """

    def __init__(self, form: MultipartForm) -> None:
        self.cut = False
        self.ended = False
        self._form = form

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not self.ended and not self.cut:
            event = await self._form.next_event(self)
            if event is None:
                self.cut = True
            elif isinstance(event, bytes):
                yield event
            else:
                self.ended = True


@dataclass(frozen=True, slots=True)
class FormPart:
    """One part of a form; a part with a `filename`, even an empty one, is a file."""

    name: str
    filename: str | None
    content_type: str | None
    data: Body
    max_size: int

    @property
    def is_file(self) -> bool:
        return self.filename is not None

    async def text(self, limit: int | None = None) -> str:
        """The whole part as UTF-8, whatever charset it claims.

        Raises TooLarge, Incomplete, or Malformed (also for NUL, which no database takes).
        """
        try:
            data = await read_bytes(self.data, self.max_size if limit is None else limit)
        except TooLarge as error:
            error.facts["field"] = self.name
            raise
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("A field is not UTF-8.", field=self.name) from None
        if "\0" in text:
            raise Malformed("A field holds a NUL.", field=self.name)
        return text

    async def skip(self) -> None:
        async for _ in self.data:
            pass


class MultipartForm:
    """`async for part in form`. What is left of a part when the next one is asked for is skipped.

    Raises Unsupported for another content type, Malformed for what is not a well-formed form or goes
    beyond the limits. When the sender hung up the iteration ends quietly and `cut` is true.
    """

    def __init__(
        self,
        body: Body,
        content_type: str | None,
        *,
        max_parts: int = 16,
        max_headers: int = 8,
        max_field_size: int = 64 * 1024,
    ) -> None:
        boundary = parse_boundary(content_type)
        self.cut = False
        self.ended = False
        self._body = body
        self._chunks = aiter(body)
        self._max_field_size = max_field_size
        self._current: PartData | None = None
        self._events = Events(boundary, max_parts, max_headers)

    async def __aiter__(self) -> AsyncIterator[FormPart]:
        while (part := await self.next_part()) is not None:
            yield part

    async def next_part(self) -> FormPart | None:
        """The next part, or None at the end: of the form, or of what the sender sent of it (`cut`)."""
        if self._current is not None:
            async for _ in self._current:
                pass
        if self.cut or self.ended:
            return None
        event = await self._pull()
        if isinstance(event, list):
            self._current = PartData(self)
            return self._part(event, self._current)
        if event is Mark.END:
            await self._read_epilogue()
        return None

    async def next_event(self, asker: PartData) -> Event | None:
        if asker is not self._current:
            raise RuntimeError("the form has moved on to another part")
        return await self._pull()

    async def _pull(self) -> Event | None:
        """The next event, or None when the sender hung up before it."""
        pending = self._events.pending
        while not pending:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                if not self._body.cut:
                    raise Malformed("The form ends before its closing boundary.")
                self.cut = True
                return None
            for start in range(0, len(chunk), _FEED):
                self._events.feed(chunk[start : start + _FEED])
        return pending.popleft()

    async def _read_epilogue(self) -> None:
        """To the end of the body, so that a form is not taken for whole before its request is."""
        async for chunk in self._chunks:
            self._events.feed(chunk)
        self.ended = not self._body.cut
        self.cut = self._body.cut

    def _part(self, headers: PartHeaders, data: PartData) -> FormPart:
        named = dict(headers)
        if len(named) < len(headers):
            raise Malformed("A part repeats a header field.")
        disposition = parse_part_disposition(named.get("content-disposition", ""))
        if disposition.kind != "form-data" or disposition.name is None:
            raise Malformed("A part has no name.")
        content_type = named.get("content-type")
        if (content_type or "").strip().lower().startswith("multipart/"):
            raise Malformed("A part holds a form of its own.", field=disposition.name)
        if named.get("content-transfer-encoding", "").strip().lower() not in _PLAIN_ENCODINGS:
            raise Malformed("A part is encoded.", field=disposition.name)
        return FormPart(
            disposition.name, disposition.filename, content_type, data, self._max_field_size
        )


class FileForm:
    """A form of one file and a few text fields, in any order.

    `fields` holds the expected text fields seen so far, and a text field with the file's own name;
    `ignored` the names of all other parts. The data of `file` only ends once the whole form has been
    read and found well-formed: whoever stores it to its end has no half a form in hand, and all of
    `fields` by then.
    """

    def __init__(
        self, form: MultipartForm, expected: Collection[str], file_name: str | None
    ) -> None:
        self.fields: dict[str, str] = {}
        self.ignored: list[str] = []
        self.file: FormPart | None = None
        self._form = form
        self._expected = expected
        self._file_name = file_name

    @classmethod
    async def open(
        cls,
        body: Body,
        content_type: str | None,
        *,
        fields: Collection[str] = (),
        file: str | None = "file",
        max_parts: int = 16,
        max_field_size: int = 64 * 1024,
    ) -> FileForm:
        """Read up to the file part, named `file` (None: whatever its name), or, without one, to the end.

        An expected field is text even when it comes with a filename, as browsers send a Blob of JSON.
        Raises what MultipartForm raises, and Invalid for a second file or a repeated field.
        """
        limits = {"max_parts": max_parts, "max_field_size": max_field_size}
        opened = cls(MultipartForm(body, content_type, **limits), fields, file)
        await opened._read_to_file()
        if opened.file is None and opened.cut:
            raise Incomplete
        return opened

    @property
    def cut(self) -> bool:
        """The sender hung up before the end of the form."""
        return self._form.cut

    async def rest(self) -> None:
        """Read to the end of the form; what is left of the file is skipped."""
        if self.file is not None and await self._read_to_file():
            raise Invalid("The form has two files.", field="file", reason="two files")

    async def _read_to_file(self) -> bool:
        while (part := await self._form.next_part()) is not None:
            if part.name in self._expected or (not part.is_file and part.name == self._file_name):
                await self._keep(part)
            # A file input that nobody filled in comes with an empty filename.
            elif part.filename and self._file_name in {None, part.name}:
                if self.file is None:
                    self.file = replace(part, data=_FileData(part.data, self))
                return True
            else:
                self.ignored.append(part.name)
        return False

    async def _keep(self, part: FormPart) -> None:
        if part.name in self.fields:
            raise Invalid("A field is given twice.", field=part.name, reason="repeated")
        with suppress(Incomplete):  # `cut` says so, in its time
            self.fields[part.name] = await part.text()


class _FileData:
    """The bytes of the file part; between the last of them and their end lies the rest of the form."""

    def __init__(self, part: Body, form: FileForm) -> None:
        self.cut = False
        self._part = part
        self._form = form

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._part:
            yield piece
        await self._form.rest()
        self.cut = self._form.cut

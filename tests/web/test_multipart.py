"""Forms, part by part: what is whole, what is cut, what is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.domain.errors import Incomplete, Invalid, Malformed, TooLarge, Unsupported
from coatcheck.web.multipart import FileForm, MultipartForm
from tests.web.bodies import Chunks, gathered, pieces

CONTENT_TYPE = "multipart/form-data; boundary=XBX"
END = b"--XBX--\r\n"

Seen = list[tuple[str, str | None, str | None, bytes]]


def part(head: str, data: bytes = b"") -> bytes:
    return b"--XBX\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n"


def text(name: str, value: str) -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"', value.encode())


def file(name: str, data: bytes, filename: str = "a.png", more: str = "") -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"; filename="{filename}"{more}', data)


async def read(body: Chunks, content_type: str | None = CONTENT_TYPE, **limits: int) -> Seen:
    """All the parts, if the form is whole."""
    form = MultipartForm(body, content_type, **limits)
    seen = []
    async for each in form:
        data = await gathered(aiter(each.data))
        seen.append((each.name, each.filename, each.content_type, data))
    if form.cut:
        raise Incomplete
    return seen


async def test_parts_come_in_the_order_sent_with_what_their_heads_say() -> None:
    body = (
        text("folder", "docs")
        + file("file", b"\x00\r\n--XB", "pröf ile.png", "\r\ncontent-type:  image/png ")
        + text("", "")
        + END
    )
    assert await read(Chunks([body])) == [
        ("folder", None, None, b"docs"),
        ("file", "pröf ile.png", "image/png", b"\x00\r\n--XB"),
        ("", None, None, b""),
    ]


async def test_a_form_may_have_no_parts() -> None:
    assert await read(Chunks([b"--XBX--"])) == []


async def test_line_breaks_and_a_few_words_around_a_form_are_nothing() -> None:
    assert await read(Chunks([b"\r\n" + text("a", "1") + END + b"\r\n"])) == [
        ("a", None, None, b"1")
    ]
    around = b"words - words\r\n" + text("a", "1") + END + b"\r\n--XBX\r\nwords"
    assert await read(Chunks([around])) == [("a", None, None, b"1")]


async def test_what_is_left_of_a_part_is_skipped_when_the_next_is_asked_for() -> None:
    body = Chunks([file("a", b"x" * 100), file("b", b"y"), END])
    names = [each.name async for each in MultipartForm(body, CONTENT_TYPE)]
    assert names == ["a", "b"]


async def test_a_part_cannot_be_read_once_the_form_has_moved_on() -> None:
    form = MultipartForm(Chunks([file("a", b"x"), file("b", b"y"), END]), CONTENT_TYPE)
    first = await form.next_part()
    assert first is not None
    async for _ in first.data:
        break
    await form.next_part()
    assert await gathered(aiter(first.data)) == b""


NOT_FORMS: dict[str, bytes] = {
    "nothing at all": b"",
    "another boundary": b"--YBY\r\n\r\n--YBY--\r\n",
    "no closing boundary": file("file", b"data"),
    "half a closing boundary": file("file", b"data") + b"--XBX-",
    "an end in the middle of a part": file("file", b"data")[:-4],
    "an end in the middle of a head": file("file", b"data")[:30],
    "a megabyte before it": b"x" * 1_000_000 + b"\r\n" + text("a", "1") + END,
    "a megabyte of line breaks before it": b"\r\n" * 500_000 + text("a", "1") + END,
    "a megabyte after it": text("a", "1") + END + b"x" * 1_000_000,
    "a part without a disposition": part("Content-Type: text/plain", b"x") + END,
    "a part without any head": b"--XBX\r\n\r\nx\r\n" + END,
    "a part without a name": part('Content-Disposition: form-data; filename="a"') + END,
    "a part that is an attachment": part('Content-Disposition: attachment; name="a"') + END,
    "two dispositions": part(
        'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"'
    )
    + END,
    "a repeated parameter": part(
        'Content-Disposition: form-data; name="a"; filename="a"; filename="b"'
    )
    + END,
    "a form in a form": part(
        'Content-Disposition: form-data; name="a"\r\nContent-Type: multipart/mixed; boundary=Y'
    )
    + END,
    "an encoded part": part(
        'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64', b"YQ=="
    )
    + END,
    "a space in a field name": part('Content Disposition: form-data; name="a"') + END,
    "an empty field name": part(': x\r\nContent-Disposition: form-data; name="a"') + END,
    "bytes in a field name": part('Contént: x\r\nContent-Disposition: form-data; name="a"') + END,
    "a line break in a value": part('Content-Disposition: form-data; name="a\rb"') + END,
    "a bare line feed in a value": part('Content-Disposition: form-data; name="a\nb"') + END,
    "a NUL in a name": part('Content-Disposition: form-data; name="a"; filename="a\0b"') + END,
    "a folded field": part('Content-Disposition: form-data;\r\n name="a"') + END,
    "nine fields": part("X: 1\r\n" * 8 + 'Content-Disposition: form-data; name="a"') + END,
    "ten thousand fields": part("X: 1\r\n" * 10_000 + "Y: 1") + END,
    "a field of ten kilobytes": part("X: " + "x" * 10_000) + END,
    "a field of a megabyte": part("X: " + "x" * 1_000_000) + END,
    "a field name of a megabyte": part("x" * 1_000_000 + ": x") + END,
    "seventeen parts": text("a", "1") * 17 + END,
    "a hundred thousand parts": text("a", "1") * 100_000 + END,
}


@pytest.mark.parametrize("size", [1 << 30, 65536, 7])
@pytest.mark.parametrize("why", NOT_FORMS)
async def test_a_body_that_is_no_whole_form_is_malformed_however_it_arrives(
    why: str, size: int
) -> None:
    data = NOT_FORMS[why][: 200_000 if size == 7 else None]
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    with pytest.raises(Malformed):
        await read(Chunks(chunks))


@pytest.mark.parametrize(
    "why", ["a megabyte before it", "a hundred thousand parts", "a field of a megabyte"]
)
async def test_a_form_that_is_refused_is_not_read_on(why: str) -> None:
    body = Chunks(pieces(NOT_FORMS[why], range(0, 10_000_000, 1000)))
    with pytest.raises(Malformed):
        await read(body)
    assert body.taken < 10_000


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "multipart/related; boundary=XBX"]
)
def test_another_content_type_is_not_spoken_here(content_type: str | None) -> None:
    with pytest.raises(Unsupported):
        MultipartForm(Chunks([]), content_type)


async def test_limits_are_what_the_caller_says() -> None:
    two = text("a", "1") + text("b", "2") + END
    assert len(await read(Chunks([two]), max_parts=2)) == 2
    with pytest.raises(Malformed):
        await read(Chunks([two]), max_parts=1)
    with pytest.raises(Malformed):
        await read(Chunks([file("a", b"", more="\r\nX: 1")]), max_headers=1)


async def test_boundaries_that_are_none_are_kept_byte_for_byte() -> None:
    storm = b"\r\n--XB" * 50_000 + b"\r\n--XBY" + b"\r" * 100 + b"--XBX" + b"\r\n-" * 1000
    chunks = pieces(file("file", storm) + END, range(0, 400_000, 1013))
    assert await read(Chunks(chunks)) == [("file", "a.png", None, storm)]


async def test_the_data_one_chunk_brings_is_handed_on_at_once() -> None:
    storm = b"\r\n--XB" * 10_000
    form = MultipartForm(Chunks([file("a", storm) + END]), CONTENT_TYPE)
    each = await form.next_part()
    assert each is not None
    assert [piece async for piece in each.data] == [storm]


fields = st.lists(
    st.tuples(
        st.text("abc", max_size=3),
        st.none() | st.text("abc. é", max_size=5),
        st.binary(max_size=40)
        | st.sampled_from([b"\r\n--XB", b"\r\n--", b"--XBX", b"\r\r\n", b"\r"]),
    ),
    max_size=5,
)
cuts = st.lists(st.integers(0, 600))


def form_of(several: list[tuple[str, str | None, bytes]]) -> bytes:
    encoded = [
        text(name, "")[:-2] + data + b"\r\n" if filename is None else file(name, data, filename)
        for name, filename, data in several
    ]
    return b"".join(encoded) + END


@given(fields, cuts)
async def test_how_a_form_is_cut_into_chunks_does_not_show(several, places) -> None:
    expected = [(name, filename, None, data) for name, filename, data in several]
    assert await read(Chunks(pieces(form_of(several), places))) == expected


@given(fields, cuts, st.integers(0, 400), st.booleans())
async def test_a_form_cut_anywhere_is_never_whole(several, places, at: int, hang_up: bool) -> None:
    whole = form_of(several)
    at = min(at, len(whole) - 3)  # without the last "-", and without the line break after it
    with pytest.raises(Incomplete if hang_up else Malformed):
        await read(Chunks(pieces(whole[:at], places), hang_up=hang_up))


@given(st.binary(max_size=300), st.booleans())
async def test_any_bytes_are_a_form_or_refused(data: bytes, headed: bool) -> None:
    with suppress(Malformed):
        await read(Chunks([b"--XBX\r\n" * headed + data + b"\r\n--XBX--"]))


async def test_a_part_says_that_it_was_cut() -> None:
    form = MultipartForm(Chunks([file("a", b"xyz")[:-3]], hang_up=True), CONTENT_TYPE)
    each = await form.next_part()
    assert each is not None
    assert await gathered(aiter(each.data)) == b"xy"
    assert each.data.cut
    assert form.cut
    assert await form.next_part() is None


async def test_a_text_field_is_utf_8_whatever_it_claims() -> None:
    claims = part(
        'Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=utf-7',
        "+ADw-é".encode(),
    )
    form = MultipartForm(Chunks([claims + END]), CONTENT_TYPE + "; charset=punycode")
    each = await form.next_part()
    assert each is not None
    assert await each.text() == "+ADw-é"


@pytest.mark.parametrize("value", [b"\xff", b"\xed\xa0\x80", b"a\0b"])
async def test_a_text_field_of_other_bytes_is_malformed(value: bytes) -> None:
    form = MultipartForm(Chunks([text("a", "")[:-2] + value + b"\r\n" + END]), CONTENT_TYPE)
    each = await form.next_part()
    assert each is not None
    with pytest.raises(Malformed) as refusal:
        await each.text()
    assert refusal.value.facts == {"field": "a"}


async def test_a_text_field_has_a_limit() -> None:
    form = MultipartForm(Chunks([text("a", "x" * 101) + END]), CONTENT_TYPE, max_field_size=100)
    each = await form.next_part()
    assert each is not None
    with pytest.raises(TooLarge):
        await each.text()


async def test_fields_around_the_file_are_known_when_its_data_has_ended() -> None:
    body = text("folder", "docs") + file("file", b"data") + text("key", "k") + END
    form = await FileForm.open(Chunks([body]), CONTENT_TYPE, fields={"folder", "key"})
    assert form.fields == {"folder": "docs"}
    assert form.file is not None
    assert (form.file.filename, await gathered(aiter(form.file.data))) == ("a.png", b"data")
    assert form.fields == {"folder": "docs", "key": "k"}
    await form.rest()
    assert not form.cut


async def test_the_rest_of_a_form_can_be_read_past_its_file() -> None:
    body = file("file", b"data" * 100) + text("key", "k") + END
    form = await FileForm.open(Chunks([body]), CONTENT_TYPE, fields={"key"})
    await form.rest()
    assert form.fields == {"key": "k"}


@pytest.mark.parametrize(
    "after",
    [
        b"",
        b"--XBX",
        text("key", "k"),
        text("key", "k")[:-5],
        file("file", b"other") + END,
        text("key", "k") * 2 + END,
        text("key", "\0") + END,
        END + b"x" * 10_000,
    ],
)
async def test_the_file_of_a_form_that_goes_wrong_after_it_never_ends(after: bytes) -> None:
    body = Chunks([text("a", "1"), file("file", b"data"), after])
    form = await FileForm.open(body, CONTENT_TYPE, fields={"key"})
    assert form.file is not None
    with pytest.raises(Invalid):
        await gathered(aiter(form.file.data))


@pytest.mark.parametrize("after", [b"", b"--XBX", text("key", "k")[:-5], text("key", "k")])
async def test_the_file_of_a_form_that_is_cut_after_it_is_cut_too(after: bytes) -> None:
    body = Chunks([file("file", b"data"), after], hang_up=True)
    form = await FileForm.open(body, CONTENT_TYPE, fields={"key"})
    assert form.file is not None
    assert await gathered(aiter(form.file.data)) == b"data"
    assert form.file.data.cut
    assert form.cut


async def test_a_second_file_is_named_as_what_is_wrong() -> None:
    form = await FileForm.open(
        Chunks([file("f", b"1"), file("g", b"2"), END]), CONTENT_TYPE, file=None
    )
    with pytest.raises(Invalid) as refusal:
        await form.rest()
    assert refusal.value.facts == {"field": "file", "reason": "two files"}


async def test_a_field_given_twice_is_named_as_what_is_wrong() -> None:
    with pytest.raises(Invalid) as refusal:
        await FileForm.open(Chunks([text("key", "k") * 2, END]), CONTENT_TYPE, fields={"key"})
    assert refusal.value.facts == {"field": "key", "reason": "repeated"}


async def test_a_text_in_the_place_of_the_file_is_kept_as_text() -> None:
    form = await FileForm.open(Chunks([text("file", "../x.pdf"), END]), CONTENT_TYPE)
    assert form.file is None
    assert form.fields == {"file": "../x.pdf"}


async def test_a_file_input_that_nobody_filled_in_is_no_file() -> None:
    form = await FileForm.open(Chunks([file("file", b"", filename=""), END]), CONTENT_TYPE)
    assert form.file is None
    assert form.ignored == ["file"]


async def test_an_expected_text_may_come_as_a_blob_and_before_or_after_the_file() -> None:
    blob = file("metadata", b'{"fileName": "x"}', filename="blob")
    for body in ([blob, file("file", b"1")], [file("file", b"1"), blob]):
        form = await FileForm.open(Chunks([*body, END]), CONTENT_TYPE, fields={"metadata"})
        await form.rest()
        assert form.fields == {"metadata": '{"fileName": "x"}'}
        assert form.file is not None


async def test_other_parts_are_ignored_by_name() -> None:
    body = Chunks([text("x", "1"), file("other", b"o"), file("file", b"f"), text("y", "2"), END])
    form = await FileForm.open(body, CONTENT_TYPE)
    assert form.file is not None
    assert await gathered(aiter(form.file.data)) == b"f"
    assert form.ignored == ["x", "other", "y"]
    assert form.fields == {}


async def test_any_name_will_do_where_none_is_asked_for() -> None:
    body = Chunks([text("filepond", "{}"), file("filepond", b"f"), END])
    form = await FileForm.open(body, CONTENT_TYPE, file=None)
    assert form.file is not None
    assert await gathered(aiter(form.file.data)) == b"f"


async def test_a_form_cut_before_its_file_is_incomplete() -> None:
    with pytest.raises(Incomplete):
        await FileForm.open(Chunks([text("a", "1")], hang_up=True), CONTENT_TYPE)


async def test_a_form_without_a_file_is_read_to_its_end() -> None:
    with pytest.raises(Malformed):
        await FileForm.open(Chunks([text("a", "1")]), CONTENT_TYPE)
    form = await FileForm.open(Chunks([text("a", "1"), END]), CONTENT_TYPE, fields={"a"})
    assert (form.file, form.fields) == (None, {"a": "1"})


@given(st.binary(max_size=60), cuts, st.integers(0, 300))
async def test_a_file_is_whole_only_when_its_whole_form_is(data: bytes, places, at: int) -> None:
    whole = text("a", "1") + file("file", data) + text("b", "2") + END
    at = min(at, len(whole))
    try:
        form = await FileForm.open(
            Chunks(pieces(whole[:at], places)), CONTENT_TYPE, fields={"a", "b"}
        )
        assert form.file is not None
        assert await gathered(aiter(form.file.data)) == data
    except Malformed:
        assert at < len(whole) - 2
    else:
        assert at >= len(whole) - 2
        assert form.fields == {"a": "1", "b": "2"}

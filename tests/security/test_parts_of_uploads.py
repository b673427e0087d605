"""Uploads in parts: chunks of attach.fast by number, ranges of Campr by place, and all that can be a lie about them.

What becomes of parts that come at once, in any order and through several nodes is proved in `tests/nodes` and
`tests/race`; what time does to them, with a clock that can be moved, beside the dialects.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.security.aftermath import Watch, unharmed
from tests.security.asking import Asker, fresh
from tests.security.harness import MAX, Site
from tests.security.requests import FORM, form, part, request
from tests.security.wire import Answer

_keys = itertools.count()


def new_key(stem: str = "movie") -> str:
    return f"{stem}-{os.getpid()}-{next(_keys)}-{time.time_ns()}.bin"


@contextmanager
def an_upload_that_stays_open(site: Site) -> Iterator[Watch]:
    """What is left of it is forgotten afterwards, as a sweep would a day later."""
    with unharmed(site) as watch:
        watch.opens = 1
        yield watch


def finish(ann: Asker, number: int, data: bytes, total: int, key: str, whole: bytes) -> None:
    """The last chunk: the file is there, byte by byte, and is deleted again."""
    answer = ann.chunk(number, data, total=total, key=key)
    assert answer.status == 201, answer
    file = ann.get(answer.header("location") or "").json()
    assert ann.get(f"/coatcheck/v1/attachments/{file['id']}/content").body == whole
    ann.deleted(file["id"])


def errors(answer: Answer) -> list[str]:
    told: list[str] = answer.json()["errors"]
    return told


def test_a_chunk_without_one_of_its_fields_is_told_which(site: Site) -> None:
    ann = Asker(site)
    with unharmed(site):
        for field, said in (
            ("chunk", "Missing chunk number"),
            ("total_size", "Missing total size"),
            ("key", "Missing key"),
        ):
            fields = {"chunk": "1", "total_size": "5", "key": "k", field: "-"}
            answer = ann.chunk(
                fields["chunk"], b"hello", total=fields["total_size"], key=fields["key"]
            )
            assert (answer.status, errors(answer)) == (422, [said])


def test_a_chunk_without_its_file_is_told_so(site: Site) -> None:
    ann = Asker(site)
    parts = [part(b"1", name, None) for name in (b"chunk", b"total_size", b"key")]
    with unharmed(site):
        answer = ann.sent("/api/large_files", *parts)
        assert (answer.status, errors(answer)) == (422, ["File is required"])


TOTALS = ("0", "-5", str(MAX + 1), str(2**63), "5 ", "1e3", "5_0", "９")
NUMBERS = ("0", "-1", "1_0", "+1", "1.0", "1e3", "9" * 30, "")


def test_a_total_or_a_number_that_cannot_be_is_refused_at_the_first_chunk(site: Site) -> None:
    ann = Asker(site)
    with unharmed(site):
        for total in TOTALS:
            assert ann.chunk(1, b"hello", total=total, key=new_key()).status == 422, total
        for number in NUMBERS:
            assert ann.chunk(number, b"hello", total=10, key=new_key()).status == 422, number


def test_a_chunk_again_counts_once_and_other_bytes_in_its_place_not_at_all(site: Site) -> None:
    ann, key, one, two = Asker(site), new_key(), fresh(), fresh()
    with unharmed(site):
        for _ in range(10):
            answer = ann.chunk(1, one, total=80, key=key)
            assert (answer.status, answer.json()["received_size"]) == (202, 40)
        for other in (fresh(), one[:-1], one + b"x", b""):
            assert ann.chunk(1, other, total=80, key=key).status == 422
        for total in (79, 81, 40, MAX):
            assert ann.chunk(2, two, total=total, key=key).status == 422
        finish(ann, 2, two, 80, key, one + two)


def test_a_gap_is_never_a_file_whatever_the_sum(site: Site) -> None:
    ann, key, one, two = Asker(site), new_key(), fresh(), fresh()
    with an_upload_that_stays_open(site):
        assert ann.chunk(1, one, total=80, key=key).status == 202
        assert ann.chunk(3, two, total=80, key=key).status == 202
        assert ann.chunk(2, b"more", total=80, key=key).status == 422
        assert key not in ann.get("/api/files?per_page=100").body.decode()


def test_the_last_chunk_again_is_told_the_same_and_makes_no_second_file(site: Site) -> None:
    ann, key, one, two = Asker(site), new_key(), fresh(), fresh()
    with unharmed(site) as watch:
        assert ann.chunk(1, one, total=80, key=key).status == 202
        told = [ann.chunk(2, two, total=80, key=key) for _ in range(5)]
        assert {answer.status for answer in told} == {201}
        (location,) = {answer.header("location") for answer in told}
        # Anything else under that key is another file, and never appended to this one.
        other = ann.chunk(1, fresh(), total=90, key=key)
        assert other.status == 202
        assert other.json()["received_size"] == 40
        file = ann.get(location or "").json()
        assert file["file_size"] == 80
        ann.deleted(file["id"])
        watch.opens = 1


def test_a_key_means_nothing_to_strangers(site: Site) -> None:
    """Each tenant has an upload of its own under the same key."""
    key = new_key()
    people = [Asker(site, who) for who in ("ann", "eve")]
    with unharmed(site):
        halves = [(fresh(), fresh()) for _ in people]
        for who, (one, _) in zip(people, halves, strict=True):
            answer = who.chunk(1, one, total=80, key=key)
            assert (answer.status, answer.json().get("received_size")) == (202, 40), answer
        for who, (one, two) in zip(people, halves, strict=True):
            finish(who, 2, two, 80, key, one + two)


def test_a_key_is_told_apart_by_every_letter_and_is_no_path(site: Site) -> None:
    ann = Asker(site)
    stem = f"{time.time_ns()}"
    with unharmed(site):
        for key in (f"Film{stem}", f"film{stem}", f"e\u0301{stem}", f"\u00e9{stem}", f"😀{stem}"):
            one, two = fresh(), fresh()
            answer = ann.chunk(1, one, total=80, key=key)
            assert (answer.status, answer.json().get("received_size")) == (202, 40), (key, answer)
            finish(ann, 2, two, 80, key, one + two)
        for key in ("x" * 256, "x" * 10_240, "a\0b", "..", "a/..", "../..", " "):
            assert ann.chunk(1, b"hello", total=10, key=key).status in (400, 422), key
        content = fresh()
        answer = ann.chunk(1, content, total=40, key=f"../../etc/{stem}")
        assert answer.status == 201
        file = ann.get(answer.header("location") or "").json()
        assert file["filename"] == stem
        ann.deleted(file["id"])


def test_the_folder_of_the_first_chunk_counts_and_a_bad_one_is_refused_with_any(site: Site) -> None:
    ann, key, one, two = Asker(site), new_key(), fresh(), fresh()
    with unharmed(site):
        assert ann.chunk(1, one, total=80, key=key, folder="../..").status == 422
        assert ann.chunk(1, one, total=80, key=key, folder="first").status == 202
        assert ann.chunk(2, two, total=80, key=key, folder="../../x").status == 422
        answer = ann.chunk(2, two, total=80, key=key, folder="second")
        assert answer.status == 201
        file = ann.get(answer.header("location") or "").json()
        assert file["token"].startswith("first/")
        ann.deleted(file["id"])


def test_a_sender_that_hangs_up_in_a_chunk_sends_it_again(site: Site) -> None:
    ann, key, one, two = Asker(site), new_key(), fresh(1000), fresh(100_000)
    total = len(one) + len(two)
    with unharmed(site):
        assert ann.chunk(1, one, total=total, key=key).status == 202
        fields = {b"chunk": b"2", b"total_size": b"%d" % total, b"key": key.encode()}
        parts = [part(value, name, None) for name, value in fields.items()]
        whole = request(
            b"POST",
            b"/api/large_files",
            *site.key("attachfast"),
            (b"Content-Type", FORM),
            body=form(*parts, part(two, filename=b"blob")),
        )
        for cut in (len(whole) - 90_000, len(whole) - 10):
            site.send(whole[:cut], leaving="rst")
        finish(ann, 2, two, total, key, one + two)


@pytest.mark.thorough
def test_chunks_without_end_and_uploads_without_end_are_refused(site: Site) -> None:
    """Of one owner a hundred may be open, and none of them has more chunks than the limit, however small."""
    ann = Asker(site, "ben")
    with unharmed(site):
        made = [new_key("many") for _ in range(101)]
        statuses = [ann.chunk(1, b"x", total=2, key=key).status for key in made]
        assert statuses.index(422) <= 100
        assert statuses[0] == 202
        assert set(statuses[statuses.index(422) :]) == {422}
        for key, status in zip(made, statuses, strict=True):
            if status == 202:  # they can all still be finished, so that none is left
                answer = ann.chunk(2, b"y", total=2, key=key)
                assert answer.status == 201
                ann.deleted(int((answer.header("location") or "").rpartition("/")[2]))


# --- ranges -------------------------------------------------------------------------------------------


def sent(ann: Asker, name: str, span: str, data: bytes, *fields: tuple[bytes, bytes]) -> Answer:
    """A part of Campr's; without a name, one that belongs to nothing."""
    head = [(b"Content-Range", span.encode()), *fields]
    if name:
        head.append((b"Client-Request-ID", name.encode()))
    return ann.ask("POST", "/attachments", *head, body=data)


RANGES = (
    *("bytes 5-2/10", "bytes 0-9/5", "bytes */10", "bytes 0-9/*", "items 0-9/10", "0-9/10"),
    *("bytes 0-9/10, bytes 0-1/10", f"bytes 0-9/{2**63}", f"bytes 0-9/{'9' * 40}"),
    *("bytes 00-09/10", "bytes -1-9/10", "bytes 0--9/10", "bytes 0-9/-10", "bytes=0-9/10"),
    *("bytes 0-9", "bytes 0-10/10", "bytes 0-9/10;", "", "bytes 0x0-0x9/10"),
)


def test_a_range_that_is_none_is_refused(site: Site) -> None:
    ann = Asker(site)
    with unharmed(site):
        for span in RANGES:
            answer = sent(ann, new_key(), span, b"0123456789")
            assert answer.status in (400, 413), (span, answer)


def test_two_ranges_in_two_lines_are_refused(site: Site) -> None:
    ann = Asker(site)
    with unharmed(site):
        second = (b"Content-Range", b"bytes 0-9/20")
        answer = sent(ann, new_key(), "bytes 10-19/20", b"0123456789", second)
        assert answer.status == 400, answer


def test_a_range_needs_the_name_of_its_upload(site: Site) -> None:
    ann = Asker(site)
    with unharmed(site):
        answer = sent(ann, "", "bytes 0-9/20", b"0123456789")
        assert answer.status == 400
        assert answer.json()["errors"][0]["code"] == "client_request_id_required"


def test_a_body_of_another_length_than_its_range_is_refused(site: Site) -> None:
    ann = Asker(site)
    with unharmed(site):
        for data in (b"short", b"0123456789 and more"):
            assert sent(ann, new_key(), "bytes 0-9/20", data).status == 400


def test_ranges_that_overlap_agree_or_are_refused_and_the_whole_is_whole_at_its_last_byte(
    site: Site,
) -> None:
    ann, name, data = Asker(site), new_key(), fresh(100)
    with unharmed(site):
        assert sent(ann, name, "bytes 0-49/100", data[:50]).status == 202
        assert sent(ann, name, "bytes 25-74/100", data[25:75]).status == 202
        assert sent(ann, name, "bytes 40-59/100", fresh(20)).status == 409
        for total in (99, 101, 1000):
            answer = sent(ann, name, f"bytes 75-98/{total}", data[75:99])
            assert answer.status == 409, total
        odd = ((b"Content-Disposition", b"attachment; filename=b"), (b"Content-Type", b"a/b"))
        assert sent(ann, name, "bytes 75-98/100", data[75:99], *odd).status == 202
        last = (b"Content-Type", b"image/png")
        answer = sent(ann, name, "bytes 99-99/100", data[99:], last)
        assert answer.status == 200, answer
        made = answer.json()["attachment"]
        # Of what parts tell about the whole, the last word counts.
        assert (made["name"], made["content_type"]) == ("b", "image/png")
        assert ann.get(f"/attachments/{made['digest']}").body == data
        again = sent(ann, name, "bytes 99-99/100", data[99:])
        assert again.json()["attachment"]["digest"] == made["digest"]
        assert ann.ask("DELETE", f"/attachments/{made['digest']}").status == 204

"""What a file may be called: through every API, and in every place where a name is given.

A name is kept as its last segment without what cannot be seen, or it is refused; nowhere is it a path on our disk.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import pytest

from tests.security.aftermath import unharmed
from tests.security.asking import Asker, fresh
from tests.security.harness import Kind, Site
from tests.security.naming import NAMES, PATHS, number_of, shown

REFUSED = frozenset({400, 422})


@dataclass(frozen=True)
class Names:
    """Alike: (sent, kept), where None is kept by nobody. `or_refused`: some places take none of these."""

    about: str
    names: tuple[tuple[str, str | None], ...]
    or_refused: bool = False

    def __str__(self) -> str:
        return self.about


def as_they_are(*names: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((name, name) for name in names)


TABLE = [
    Names(
        "paths",
        (
            ("../../etc/passwd", "passwd"),
            ("..\\..\\x", "x"),
            ("/etc/passwd", "passwd"),
            ("C:\\x", "x"),
            ("\\\\srv\\s\\x", "x"),
            ("file:///etc/passwd", "passwd"),
        ),
    ),
    Names(
        "none at all",
        ((" ", None), ("..", None), (".", None), ("...", None), ("/", None), ("\u200b", None)),
    ),
    Names(
        "control characters",
        (
            ("a\x00.png", "a.png"),
            ("a%00.png", "a%00.png"),
            ("a\r\nX: 1", "aX: 1"),
            ("a\tb", "ab"),
            ("a\x7f", "a"),
            ("\x1b[31mred", "[31mred"),
        ),
        or_refused=True,  # in JSON and in some forms they cannot be meant
    ),
    Names(
        "letters that are not what they seem",
        (
            ("\u202egpj.exe", "gpj.exe"),
            ("a\u200b\ufeff.png", "a.png"),
            ("a\u2028b", "ab"),
            ("e\u0301.png", "\u00e9.png"),
            ("a\uff0fb", "a\uff0fb"),
            ("\uff0e\uff0e", "\uff0e\uff0e"),
        ),
    ),
    Names(
        "what another system understands otherwise",
        (
            *as_they_are("CON", "aux.txt", "a.png.", "a.png::$DATA"),
            *as_they_are("desktop.ini", ".htaccess", "web.config"),
            ("a.png ", "a.png"),
        ),
    ),
    Names(
        "code in some language",
        (
            *as_they_are("<img src=x onerror=alert(1)>.png", "{{7*7}}", "$(id)"),
            *as_they_are("'; DROP TABLE attachments;--", "${jndi:ldap:x}", "%s%n", "=1+1"),
        ),
    ),
    Names(
        "several extensions",
        as_they_are("x.jpg.php", "x.php%00.jpg", "x.JpG", "x.svg.png", "x.tar.gz"),
    ),
    Names("the longest, in four bytes a letter", as_they_are("\U0001f600" * 255)),
    Names("one letter too many", (("x" * 256, None), ("\U0001f600" * 256, None))),
]


def assert_only_our_own_files(site: Site) -> None:
    """Below the data directory, and beside it, where `..` would lead."""
    ours = re.compile(
        r"coatcheck\.db(-journal|-wal|-shm)?"
        r"|blobs(/store-id|/tmp|/lost\+found|/blobs(/[0-9a-f]{2}(/[0-9a-f]{32})?)?)?"
    )
    data = site.server.data_dir
    for path in data.rglob("*"):
        assert ours.fullmatch(str(path.relative_to(data))), f"a stray file: {path}"
    beside = {path.name for path in data.parent.iterdir()}
    kinds = {"granian", "uvicorn"}
    assert beside <= kinds | {f"{kind}.log" for kind in kinds}, beside


def same_name(kept: str, expected: str) -> bool:
    """Where names are unique, a number stands before the extension; a type that the name does not tell is added."""
    stem, dot, extension = expected.rpartition(".")
    stem, extension = (stem, dot + extension) if stem.strip(".") else (expected, "")
    shape = rf"{re.escape(stem)}(-[0-9]+)?{re.escape(extension)}"
    return kept == expected or re.fullmatch(shape, kept) is not None


@pytest.mark.parametrize(
    "row",
    [*TABLE[:4], *(pytest.param(row, marks=pytest.mark.thorough) for row in TABLE[4:])],
    ids=str,
)
def test_a_name_is_kept_as_what_it_is_or_refused_and_is_never_a_path(
    sites: dict[Kind, Site], row: Names
) -> None:
    site = sites[
        "granian"
    ]  # what becomes of a name once it has arrived is the same under every server
    ann = Asker(site)
    with unharmed(site):
        for sent, kept in row.names:
            for place, way in NAMES.items():
                answer = way(ann, sent)
                if answer.status in REFUSED:
                    assert kept is None or row.or_refused, f"{place} refused {sent!r}: {answer}"
                    continue
                assert answer.status < 300, f"{place}, {sent!r}: {answer}"
                assert kept is not None, f"{place} took {sent!r} as {shown(answer)!r}"
                assert same_name(shown(answer), kept), (place, sent, shown(answer))
                ann.deleted(number_of(ann, answer))
        assert_only_our_own_files(site)


def test_half_of_a_character_is_in_no_name(site: Site) -> None:
    """In JSON it is refused; in a head, a query or a form it is bytes that are no UTF-8, and read otherwise."""
    ann = Asker(site)
    with unharmed(site):
        for place, way in {**NAMES, **PATHS}.items():
            answer = way(ann, "\ud800.png")
            if answer.status in REFUSED:
                continue
            assert not re.search("[\ud800-\udfff]", shown(answer)), (place, answer)
            ann.deleted(number_of(ann, answer))


def test_a_path_in_the_tree_has_only_steps_that_are_names(sites: dict[Kind, Site]) -> None:
    site = sites["granian"]
    ann = Asker(site)
    with unharmed(site):
        for sent in (sent for row in TABLE for sent, _ in row.names):
            for place, way in PATHS.items():
                answer = way(ann, sent)
                if answer.status in REFUSED or place == "attach.fast, folder":
                    continue
                assert answer.status < 300, f"{place}, {sent!r}: {answer}"
                for step in shown(answer).split("/"):
                    assert step.strip(". "), (place, sent)
                    assert len(step) <= 255, (place, sent)
                    unseen = {unicodedata.category(letter) for letter in step}
                    assert not unseen & {"Cc", "Cf", "Cs", "Zl", "Zp"}, (place, sent)
                ann.deleted(answer.json()["id"])
        assert_only_our_own_files(site)


@pytest.mark.parametrize("place", ["campr", "native", "tracker, query"])
def test_a_name_that_comes_in_a_head_is_the_same_under_every_server(site: Site, place: str) -> None:
    """Elsewhere names come in bodies, which no server looks into."""
    ann = Asker(site)
    with unharmed(site):
        for row in TABLE[:4]:
            for sent, kept in row.names:
                answer = NAMES[place](ann, sent)
                assert (answer.status < 300) == (kept is not None), (sent, answer)
                if kept is not None:
                    assert shown(answer) == kept
                    ann.deleted(number_of(ann, answer))


HEADS = (
    b'attachment; filename="a\x00b"',
    b'attachment; filename="a\x0bb"',
    b'attachment; filename="\xff\xfe"',
    b'attachment; filename="a\rb"',
    b'attachment; filename="../../x\xe9"',
    b"attachment; filename=a; filename=b",
    b"attachment; filename*=utf-7''+AC8-; filename=plain.txt",
    b"attachment; filename*=UTF-8''%ZZ; filename=plain.txt",
)


def test_a_head_that_tells_a_name_in_bytes_that_are_none_does_no_harm(site: Site) -> None:
    ann = Asker(site)
    with unharmed(site):
        for field in HEADS:
            head = (b"Content-Disposition", field)
            exchange = site.send(site.upload("campr", fresh(), head))
            assert exchange.status in (200, 400, None), (field, exchange)
            if exchange.status == 200:
                name = exchange.answer.json()["attachment"]["name"]
                assert name.isprintable(), field
                assert "/" not in name, field
                ann.deleted(number_of(ann, exchange.answer))


def test_the_rule_for_types_looks_at_the_last_extension_and_at_the_bytes(
    sites: dict[Kind, Site],
) -> None:
    """What is declared, named and found in the bytes is one thing each; what is shown in place follows what is kept."""
    site = sites["granian"]
    ann = Asker(site)
    with unharmed(site):
        for name, media_type in (
            ("x.jpg.php", "application/octet-stream"),
            ("x.svg.png", "image/png"),
            ("x.png.svg", "image/svg+xml"),
            ("x.JpG", "image/jpeg"),
            ("x.png.html", "text/html"),
        ):
            made = ann.filed(b"\x00<script>", name)
            assert made["content_type"] == media_type, name
            sent = ann.get("/" + made["url"].split("/", 3)[3])
            inline = sent.header("content-disposition") or ""
            assert inline.startswith("inline") == (media_type in ("image/png", "image/jpeg")), name
            ann.deleted(made["id"])

"""Names: what is kept, what is removed, what is refused."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.domain.errors import BadName
from coatcheck.domain.names import (
    MAX_LENGTH,
    TokenPath,
    clean_filename,
    download_name,
    extension_of,
    numbered,
    parse_folder_field,
    parse_token,
    with_extension,
)

any_text = st.text(st.characters(codec=None), max_size=300)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\x", "x"),
        ("/etc/passwd", "passwd"),
        ("C:\\x", "x"),
        ("\\\\srv\\s\\x", "x"),
        ("file:///etc/passwd", "passwd"),
        ("a\x00.png", "a.png"),
        ("a%00.png", "a%00.png"),
        ("a\r\nX: 1", "aX: 1"),
        ("a\tb", "ab"),
        ("a\x7f", "a"),
        ("\x1b[31m", "[31m"),
        ("\u202egpj.exe", "gpj.exe"),
        ("a\u200bb\ufeff", "ab"),
        ("a\u2028b\u2029", "ab"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("a／b．．txt", "a／b．．txt"),
        ("  a b.txt\u3000", "a b.txt"),
        ("日本.png", "日本.png"),
        ("CON", "CON"),
        ("aux.txt", "aux.txt"),
        ("a.png.", "a.png."),
        ("a.png::$DATA", "a.png::$DATA"),
        (".htaccess", ".htaccess"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("{{7*7}}", "{{7*7}}"),
        ("${jndi:ldap:x}", "${jndi:ldap:x}"),
        ("'; DROP TABLE a;--", "'; DROP TABLE a;--"),
        ("x.php%00.jpg", "x.php%00.jpg"),
        ("x" * 255, "x" * 255),
        ("\u00e9" * 255, "\u00e9" * 255),
    ],
)
def test_a_name_is_its_last_segment_without_unseen_characters(text: str, name: str) -> None:
    assert clean_filename(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "..",
        "...",
        ". .",
        "a/",
        "/",
        "\\",
        "\x00",
        "\u200b",
        ".\u200b.",
        "x" * 256,
        "\ud800.png",
        "a\udfff",
    ],
)
def test_what_leaves_no_name_is_refused(text: str) -> None:
    with pytest.raises(BadName) as refusal:
        clean_filename(text, field="fileName")
    assert refusal.value.facts == {"field": "fileName", "reason": "invalid"}


@given(any_text)
def test_a_clean_name_stays_as_it_is_and_can_be_kept_anywhere(text: str) -> None:
    try:
        name = clean_filename(text)
    except BadName:
        return
    assert clean_filename(name) == name
    assert 1 <= len(name) <= MAX_LENGTH
    assert not {"/", "\\", "\0", "\n", "\r"} & set(name)
    assert name.encode("utf-8").decode("utf-8") == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("a.png", ".png"),
        ("a.tar.gz", ".gz"),
        ("x.jpg.php", ".php"),
        ("x.JpG", ".JpG"),
        (".htaccess", ""),
        ("..a", ""),
        (".a.b", ".b"),
        ("a.", ""),
        ("a", ""),
        ("", ""),
    ],
)
def test_an_extension_is_the_last_one_and_not_the_name_itself(name: str, extension: str) -> None:
    assert extension_of(name) == extension


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("cat.png", "cat.png"),
        ("日本 1.png", "日本 1.png"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("Aux.tar.gz", "_Aux.tar.gz"),
        ("LPT1", "_LPT1"),
        ("com¹.log", "_com¹.log"),
        ("CONIN$", "_CONIN$"),
        ("console.log", "console.log"),
        ("com10", "com10"),
        ("a.png.", "_a.png"),
        ("a.png .", "_a.png"),
        ("a.png::$DATA", "_a.png__$DATA"),
        ("desktop.ini", "_desktop.ini"),
        ("Web.Config", "_Web.Config"),
        (".htaccess", "_.htaccess"),
    ],
)
def test_a_name_that_some_disk_understands_otherwise_is_saved_with_a_mark(
    name: str, saved: str
) -> None:
    assert download_name(name) == saved


@given(any_text)
def test_a_name_once_defused_needs_no_more(text: str) -> None:
    once = download_name(text)
    assert download_name(once) == once


@pytest.mark.parametrize(
    ("raw", "dirs", "base"),
    [
        (None, (), None),
        ("", (), None),
        ("  ", (), None),
        ("/", (), None),
        (".", (), None),
        ("image", (), "image"),
        ("users/avatar", ("users",), "avatar"),
        ("docs/reports/quarterly", ("docs", "reports"), "quarterly"),
        ("users/avatars/", ("users", "avatars"), None),
        ("users\\avatar", ("users",), "avatar"),
        ("users\\avatars\\", ("users", "avatars"), None),
        ("/abs", (), "abs"),
        ("a//b", ("a",), "b"),
        ("a/./b", ("a",), "b"),
        (" a / b ", ("a",), "b"),
        ("v1.2", (), "v1.2"),
        ("e\u0301/x", ("\u00e9",), "x"),
        ("/".join(["d"] * 33), ("d",) * 32, "d"),
    ],
)
def test_the_folder_field_names_folders_and_a_base(
    raw: str | None, dirs: tuple[str, ...], base: str | None
) -> None:
    assert parse_folder_field(raw) == (dirs, base)


BAD_PATHS = [
    "../../x",
    "a/..",
    "..",
    "a/.../b",
    "a\x00/b",
    "a\nb",
    "a/ /b",
    "a/\u200b/b",
    "x" * 256,
    "a/" + "s" * 1000 + "/b",
    "d/" * 200,
    "d/" * 33 + "x",
    "a/\ud800",
]


@pytest.mark.parametrize("raw", BAD_PATHS)
def test_a_folder_field_that_is_no_path_below_the_root_is_refused(raw: str) -> None:
    with pytest.raises(BadName) as refusal:
        parse_folder_field(raw)
    assert refusal.value.facts["field"] == "folder"


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("new.png", TokenPath((), "new.png")),
        (" users/new.png ", TokenPath(("users",), "new.png")),
        ("/new.png", TokenPath((), "new.png", rooted=True)),
        ("users//./new.png", TokenPath(("users",), "new.png")),
    ],
)
def test_a_token_is_taken_apart(raw: str, path: TokenPath) -> None:
    assert parse_token(raw) == path


def test_only_a_token_with_a_slash_names_a_folder() -> None:
    assert not parse_token("new.png").names_a_folder
    assert parse_token("/new.png").names_a_folder
    assert parse_token("users/new.png").names_a_folder
    assert parse_token("/users/new.png").token == "users/new.png"


@pytest.mark.parametrize("raw", ["", "  ", "/", "./"])
def test_a_token_of_nothing_is_blank(raw: str) -> None:
    with pytest.raises(BadName) as refusal:
        parse_token(raw)
    assert refusal.value.facts == {"field": "token", "reason": "blank"}


@pytest.mark.parametrize("raw", BAD_PATHS)
def test_a_token_that_is_no_path_below_the_root_is_invalid(raw: str) -> None:
    with pytest.raises(BadName) as refusal:
        parse_token(raw)
    assert refusal.value.facts["field"] == "token"
    assert refusal.value.facts["reason"] == "invalid"


@given(any_text)
def test_a_token_taken_apart_is_the_same_when_taken_apart_again(text: str) -> None:
    try:
        path = parse_token(text)
    except BadName:
        return
    assert parse_token(path.token).token == path.token


@pytest.mark.parametrize(
    ("base", "original", "media_type", "name"),
    [
        ("image", "pic.png", None, "image.png"),
        ("avatar.png", "pic.png", None, "avatar.png"),
        ("avatar.PNG", "pic.png", None, "avatar.PNG"),
        ("v1.2", "pic.png", None, "v1.2.png"),
        ("image", "pic.PNG", None, "image.PNG"),
        ("notes", "noext", "text/plain", "notes.txt"),
        ("notes", "noext", "text/plain; charset=utf-8", "notes.txt"),
        ("notes", None, "image/jpeg", "notes.jpg"),
        ("notes", "noext", "application/octet-stream", "notes"),
        ("notes", "noext", None, "notes"),
        ("notes", "a." + "x" * 200, None, "notes"),
        ("b" * 255, "pic.png", None, "b" * 251 + ".png"),
    ],
)
def test_a_base_gets_the_extension_it_lacks(
    base: str, original: str | None, media_type: str | None, name: str
) -> None:
    assert with_extension(base, original, media_type) == name


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("image.png", "image-1.png"),
        ("a.tar.gz", "a.tar-1.gz"),
        ("noext", "noext-1"),
        (".htaccess", ".htaccess-1"),
        ("b" * 251 + ".png", "b" * 249 + "-1.png"),
        ("a." + "x" * 253, "a." + "x" * 251 + "-1"),
    ],
)
def test_the_counter_stands_before_the_last_extension(base: str, name: str) -> None:
    assert numbered(base, 1) == name


@given(st.text("ab.", min_size=1, max_size=255), st.integers(1, 10**6))
def test_a_numbered_name_is_never_too_long_and_tells_its_number(base: str, number: int) -> None:
    name = numbered(base, number)
    assert len(name) <= MAX_LENGTH
    assert name != numbered(base, number + 1)

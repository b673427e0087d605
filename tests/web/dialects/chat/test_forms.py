"""Forms, names and ids that no client sends by mistake, and clients that hang up."""

from __future__ import annotations

import httpx

from tests.kit import Installation
from tests.web.dialects.chat.speaking import (
    BOUNDARY,
    END,
    FORM,
    NOT_FOUND,
    form,
    ids,
    part,
    refusal,
    sent,
    told,
    uploaded,
)
from tests.web.raw import raw

KIND = FORM["Content-Type"]


async def test_a_form_that_is_none_is_refused_and_leaves_nothing(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    file = form(b"x" * 3000)
    for body, content_type in (
        (file, "multipart/form-data"),
        (file, "multipart/form-data; boundary="),
        (file, f"multipart/form-data; boundary={'x' * 71}"),
        (file, "multipart/form-data; boundary=OTHER"),
        (file, f"multipart/related; boundary={BOUNDARY}"),
        (file, "text/plain"),
        (file, "application/json"),
        (b"", KIND),
        (END, KIND),
        (part(b"x" * 3000), KIND),
        (file[:2000], KIND),
        (b"x" * 100_000 + file, KIND),
        (file + b"x" * 100_000, KIND),
        (part(b"x" * 3000) + part(b"y" * 3000) + END, KIND),
        (part(b"1", name="a", filename=None) * 17 + file, KIND),
        (part(b"1", name="conversation_id", filename=None) * 2 + file, KIND),
        (part(b"\xff", name="conversation_id", filename=None) + file, KIND),
        (part(b"a\0", name="message_id", filename=None) + file, KIND),
        (file.replace(b"\r\n\r\n", b"\r\n" + b"A: b\r\n" * 9 + b"\r\n", 1), KIND),
        (file.replace(b"\r\n\r\n", b"\r\nA: " + b"b" * 10_000 + b"\r\n\r\n", 1), KIND),
        (file.replace(b"\r\n\r\n", b"\r\nContent-Type: multipart/mixed\r\n\r\n", 1), KIND),
        (file.replace(b"Content-Disposition", b"Content Disposition", 1), KIND),
    ):
        answer = await ann.post(
            "/v1/attachments", content=body, headers={"Content-Type": content_type}
        )
        assert refusal(answer)[0] == 400, (body[:60], content_type)
    answer = await ann.post("/v1/attachments", content=file)
    assert refusal(answer)[0] == 400
    answer = await ann.post(
        "/v1/attachments", content=file, headers={**FORM, "Content-Encoding": "gzip"}
    )
    assert refusal(answer)[0] == 400
    assert await ids(ann) == []
    assert house.blobs() == []


async def test_a_charset_of_the_form_is_not_listened_to(ann: httpx.AsyncClient) -> None:
    for charset in ("punycode", "utf-7", "nonsense"):
        body = part(b"a" * 60_000, name="n", filename=None) + form(b"+ADw-", filename="ü.txt")
        answer = await ann.post(
            "/v1/attachments", content=body, headers={"Content-Type": f"{KIND}; charset={charset}"}
        )
        assert told(answer, 201)["filename"] == "ü.txt"


async def test_a_boundary_that_is_almost_there_is_content(ann: httpx.AsyncClient) -> None:
    content = b"\r\n--XB" * 10_000
    file = told(await ann.post("/v1/attachments", content=form(content), headers=FORM), 201)
    assert (await ann.get(file["file_url"])).content == content


async def test_two_names_of_one_file_are_settled_by_the_plain_one(ann: httpx.AsyncClient) -> None:
    for more in (b"filename*=UTF-8''evil.html", b'filename*0="ev"; filename*1="il.html"'):
        body = form(b"x", filename="ok.png").replace(b'"ok.png"', b'"ok.png"; ' + more)
        file = told(await ann.post("/v1/attachments", content=body, headers=FORM), 201)
        assert (file["filename"], file["file_type"]) == ("ok.png", "image/png")


async def test_a_name_is_for_showing_and_never_a_path(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    file = await uploaded(ann)
    for given, kept in (
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\x\\y.txt", "y.txt"),
        ("a\tb\x1b[31m.txt", "ab[31m.txt"),
        ("cod\u202egpj.exe", "codgpj.exe"),
        ("CON", "CON"),
        (".htaccess", ".htaccess"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("'; DROP TABLE a;--", "'; DROP TABLE a;--"),
        ("e\u0301.txt", "\u00e9.txt"),
    ):
        answer = await ann.put(f"/v1/attachments/{file['id']}", json={"filename": given})
        shown = told(answer)
        assert shown["filename"] == kept
        download = await ann.get(shown["file_url"])
        assert download.content == b"hello"
        assert download.headers["content-disposition"].count("filename=") == 1
        if not set(given) & {'"', "\\", "\x1b"}:
            body = form(b"x", filename=given)
            answer = await ann.post("/v1/attachments", content=body, headers=FORM)
            assert told(answer, 201)["filename"] == kept
    for given in ("..", ".", " ", "...", "a/", "/", "x" * 256):
        answer = await ann.post("/v1/attachments", content=form(b"x", filename=given), headers=FORM)
        assert refusal(answer)[0] == 400, given
    assert house.blobs() == []


async def test_a_sender_that_hangs_up_leaves_nothing(
    ann: httpx.AsyncClient, house: Installation
) -> None:
    message = await sent(ann)
    head = {"Authorization": f"Bearer {await house.key()}"}
    whole = part(message["id"].encode(), name="message_id", filename=None) + form(b"x" * 50_000)
    for end in (0, 10, 100, 30_000, len(whole) - 3, len(whole)):
        answer = await raw(
            house, "POST", "/v1/attachments", [whole[:end]], {**FORM, **head}, hang_up=True
        )
        assert answer.status == 400, end
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for method, path in (("POST", "/v1/messages"), ("PUT", f"/v1/messages/{message['id']}")):
        body = b"conversation_id=room&message=cut"
        answer = await raw(house, method, path, [body], {**kind, **head}, hang_up=True)
        assert answer.status == 400
    assert await ids(ann) == []
    assert told(await ann.get("/v1/messages"))["data"] == [message]
    assert house.blobs() == []


async def test_a_body_that_announces_too_much_is_not_read(house: Installation) -> None:
    head = {**FORM, "Authorization": f"Bearer {await house.key()}", "Content-Length": "5000000000"}
    answer = await raw(house, "POST", "/v1/attachments", [form(b"x")], head, hang_up=True)
    assert (answer.status, answer.taken) == (413, 0)


async def test_an_id_has_one_spelling(ann: httpx.AsyncClient) -> None:
    file = (await uploaded(ann))["id"]
    message = (await sent(ann))["id"]
    for kind, id in (("attachments", file), ("messages", message)):
        for spelled in (
            *("0", "-1", "%00", "%ff", "x" * 5000, id.swapcase(), id[:-1], id + "x", f"%20{id}"),
            *(f"{id}%20", f"{id}%00", f"{id};jsessionid=1", f"{id}%0a", f"{id}/", f"x/../{id}/x"),
        ):
            for method in ("GET", "DELETE"):
                answer = await ann.request(method, f"/v1/{kind}/{spelled}")
                assert answer.status_code == 404, spelled
                refusal(answer)
        assert refusal(await ann.get(f"/v1/{kind}/{id}x")) == NOT_FOUND
    assert await ids(ann) == [file]

"""Every place of every API where a client says what a file, or a folder of files, is called."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

from tests.security.asking import Asker, fresh
from tests.security.requests import FORM, Field, form, part
from tests.security.wire import Answer

#: Makes one with that name, or tries to.
Way = Callable[[Asker, str], Answer]


def _utf8(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _disposition(name: str) -> Field:
    value = "attachment; filename*=UTF-8''" + quote(_utf8(name), safe="")
    return b"Content-Disposition", value.encode()


def _quoted(name: str) -> bytes:
    """As browsers write it."""
    return _utf8(name).replace(b'"', b"%22").replace(b"\r", b"%0D").replace(b"\n", b"%0A")


def _campr(ann: Asker, name: str) -> Answer:
    return ann.ask("POST", "/attachments", _disposition(name), body=fresh())


def _native(ann: Asker, name: str) -> Answer:
    return ann.ask("POST", "/coatcheck/v1/attachments", _disposition(name), body=fresh())


def _chat(ann: Asker, name: str) -> Answer:
    return ann.sent("/v1/attachments", part(fresh(), filename=_quoted(name)))


def _attachfast(ann: Asker, name: str) -> Answer:
    return ann.sent("/api/files", part(fresh(), filename=_quoted(name)))


def _tracker_part(ann: Asker, name: str) -> Answer:
    return ann.sent("/v2/attachments", part(fresh(), filename=_quoted(name)))


def _tracker_query(ann: Asker, name: str) -> Answer:
    return ann.sent(f"/v2/attachments?filename={quote(_utf8(name), safe='')}", part(fresh()))


def _openproject(ann: Asker, name: str) -> Answer:
    metadata = json.dumps({"fileName": name}).encode()
    return ann.sent("/api/v3/attachments", part(metadata, b"metadata", None), part(fresh()))


def _key(ann: Asker, name: str) -> Answer:
    data = fresh()
    parts = {"chunk": b"1", "total_size": b"%d" % len(data), "key": _utf8(name)}
    fields = [part(value, field.encode(), None) for field, value in parts.items()]
    body = form(*fields, part(data, filename=b"blob"))
    answer = ann.ask("POST", "/api/large_files", (b"Content-Type", FORM), body=body)
    return ann.get(answer.header("location") or "") if answer.status == 201 else answer


def _chat_rename(ann: Asker, name: str) -> Answer:
    made = ann.left(fresh())
    path = f"/v1/attachments/{made['public_id']}"
    return _tried(ann, made["id"], ann.ask("PUT", path, json={"filename": name}))


def _native_rename(ann: Asker, name: str) -> Answer:
    made = ann.left(fresh())
    path = f"/coatcheck/v1/attachments/{made['id']}"
    return _tried(ann, made["id"], ann.ask("PATCH", path, json={"name": name}))


def _token(ann: Asker, name: str) -> Answer:
    made = ann.filed(fresh())
    path = f"/api/files/{made['id']}"
    return _tried(ann, made["id"], ann.ask("PATCH", path, json={"site_file": {"token": name}}))


def _folder_of_file(ann: Asker, name: str) -> Answer:
    return ann.sent("/api/files", part(_utf8(name), b"folder", None), part(fresh()))


def _folder(ann: Asker, name: str) -> Answer:
    return ann.ask("POST", "/api/folders", json={"site_folder": {"name": name}})


def _tried(ann: Asker, attachment_id: int, answer: Answer) -> Answer:
    """Of one whose change was refused nothing is to be left."""
    if answer.status >= 400:
        ann.deleted(attachment_id)
    return answer


#: What is given here is the name of a file, whatever stands before its last slash.
NAMES: dict[str, Way] = {
    "campr": _campr,
    "native": _native,
    "native, renamed": _native_rename,
    "chat": _chat,
    "chat, renamed": _chat_rename,
    "attach.fast": _attachfast,
    "attach.fast, key of chunks": _key,
    "tracker": _tracker_part,
    "tracker, query": _tracker_query,
    "openproject": _openproject,
}

#: Here, a path in the tenant's tree, or one step of it.
PATHS: dict[str, Way] = {
    "attach.fast, token": _token,
    "attach.fast, folder of a file": _folder_of_file,
    "attach.fast, folder": _folder,
}


def shown(answer: Answer) -> str:
    """What the answer calls it."""
    told = answer.json()
    told = told.get("attachment", told)
    for key in ("token", "fileName", "filename", "name"):
        if told.get(key) is not None:
            return str(told[key])
    return ""


def number_of(ann: Asker, answer: Answer) -> int:
    """The number of what was made; the native API knows it by any of its names."""
    told = answer.json()
    told = told.get("attachment", told)
    any_name = told.get("id") or told["digest"]
    number: int = ann.get(f"/coatcheck/v1/attachments/{any_name}").json()["id"]
    return number

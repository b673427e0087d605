"""One request and its answer, for rows that take several of them; every answer is looked at as `run` looks at one."""

from __future__ import annotations

import itertools
import json as jsons
import os
from dataclasses import dataclass
from typing import Any

from tests.security.envelopes import assert_told_properly
from tests.security.harness import Site
from tests.security.requests import FORM, Field, form, part, request
from tests.security.wire import Answer

#: Longest first.
_PREFIXES = (
    ("/coatcheck", "native"),
    ("/api/v3", "openproject"),
    ("/api", "attachfast"),
    ("/f/", "attachfast"),
    ("/assets/attachments", "chat"),
    ("/v1", "chat"),
    ("/v2", "tracker"),
    ("/v3", "tracker"),
    ("", "campr"),
)
_numbers = itertools.count(1)


def dialect_of(target: str) -> str:
    return next(dialect for prefix, dialect in _PREFIXES if target.startswith(prefix))


def fresh(size: int = 40) -> bytes:
    """Bytes that nobody has sent before."""
    return b"%08d" % next(_numbers) + os.urandom(max(0, size - 8))


@dataclass(frozen=True)
class Asker:
    """Somebody with a key, or with `who` empty nobody. `may_fail` are failures of the server that are expected."""

    site: Site
    who: str = "ann"
    may_fail: frozenset[int] = frozenset()

    def ask(
        self,
        method: str,
        target: str,
        *fields: Field,
        body: bytes | None = None,
        json: Any = None,
    ) -> Answer:
        """`target` is put into the request as it is, in UTF-8."""
        dialect = dialect_of(target)
        head = [*(self.site.key(dialect, self.who) if self.who else ()), *fields]
        if json is not None:
            body = jsons.dumps(json).encode()
            head.append((b"Content-Type", b"application/json"))
        raw = request(method.encode(), target.encode(), *head, body=body)
        answer = self.site.send(raw, head=method == "HEAD").answer
        assert answer.status < 500 or answer.status in self.may_fail, f"a failure: {answer}"
        if method != "HEAD" and (answer.status != 412 or answer.body):  # which may be without words
            assert_told_properly(dialect, answer)
        return answer

    def get(self, target: str, *fields: Field) -> Answer:
        return self.ask("GET", target, *fields)

    def sent(self, target: str, *parts: bytes) -> Answer:
        """A form of these parts."""
        return self.ask("POST", target, (b"Content-Type", FORM), body=form(*parts))

    def left(self, data: bytes, *fields: Field) -> dict[str, Any]:
        """An attachment through the native API, which tells every form of its name."""
        answer = self.ask("POST", "/coatcheck/v1/attachments", *fields, body=data)
        assert answer.status == 201, answer
        made: dict[str, Any] = answer.json()
        return made

    def filed(self, data: bytes, name: str = "a.bin", folder: str = "") -> dict[str, Any]:
        """A file in the tree of attach.fast's API."""
        fields = [part(folder.encode(), b"folder", None)] if folder else []
        answer = self.sent("/api/files", *fields, part(data, filename=name.encode()))
        assert answer.status == 201, answer
        made: dict[str, Any] = answer.json()
        return made

    def deleted(self, attachment_id: int) -> None:
        """Whatever API it came through."""
        if self.ask("DELETE", f"/coatcheck/v1/attachments/{attachment_id}").status != 204:
            assert self.ask("DELETE", f"/api/files/{attachment_id}").status == 204

    def chunk(self, number: object, data: bytes, *, total: object, key: str, **more: str) -> Answer:
        """One of attach.fast's large files; a field that is «-» is left out."""
        fields = {"chunk": str(number), "total_size": str(total), "key": key, **more}
        parts = [
            part(value.encode(), name.encode(), None)
            for name, value in fields.items()
            if value != "-"
        ]
        return self.sent("/api/large_files", *parts, part(data, filename=b"blob"))


def path_of(url: str) -> str:
    """Without the scheme and the host."""
    return "/" + url.split("//", 1)[-1].partition("/")[2] if "//" in url[:9] else url

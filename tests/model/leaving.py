"""Users leave attachments, through one API or another, whole or in parts."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from coatcheck.domain.digest import SHA256, Digest
from coatcheck.web.headers.digest import structured
from tests.model.base import PICK, SIZES, USER, Checked
from tests.model.house import ROOT
from tests.model.reference import DAY, HOUR, Upload, User

#: How long each API keeps what is left through it, in ms.
FORMS = {
    "/v2/attachments/": DAY,
    "/api/v3/attachments": 3 * HOUR,
    "/v1/attachments": None,
}


class Leaving(Checked):
    @rule(
        user=USER, size=SIZES, digest=st.sampled_from(["", "right", "wrong"]), keyed=st.booleans()
    )
    def leave(self, user: User, size: int, digest: str, keyed: bool) -> None:
        data = self._new(size)
        headers = {"Idempotency-Key": f"key{self._made}"} if keyed else {}
        if digest:
            told = data if digest == "right" else data + b"!"
            hex = hashlib.sha256(told).hexdigest()
            headers["Content-Digest"] = structured(Digest(SHA256, hex)) or ""
        answer = self._ask(
            user, "POST", f"{ROOT}/attachments", again=keyed, content=data, headers=headers
        )
        if digest == "wrong":
            assert answer.status_code in (400, 507), answer.text
            return
        self._left(user, answer, data, DAY)
        if keyed and answer.is_success:
            # Other bytes under the same key are told as a mistake, and change nothing.
            other = self._ask(
                user, "POST", f"{ROOT}/attachments", content=data + b"!", headers=headers
            )
            assert other.status_code in (422, 507), other.text

    @rule(user=USER, size=SIZES, path=st.sampled_from(sorted(FORMS)))
    def leave_a_form(self, user: User, size: int, path: str) -> None:
        data = self._new(size)
        metadata = (None, b'{"fileName": "a.bin"}', "application/json")
        files: list[Any] = [("metadata", metadata)] if path.startswith("/api/v3") else []
        files.append(("file", ("a.bin", data, "application/octet-stream")))
        self._left(user, self._ask(user, "POST", path, files=files), data, FORMS[path])

    @rule(user=USER, size=SIZES)
    def file_away(self, user: User, size: int) -> None:
        data = self._new(size)
        answer = self._ask(user, "POST", "/api/files", files={"file": ("a.bin", data)})
        self._left(user, answer, data, None, filed=True)

    @rule(
        user=USER,
        campr=st.booleans(),
        cuts=st.sets(st.integers(1, 1499), min_size=1, max_size=3),
        first=PICK,
    )
    def begin(self, user: User, campr: bool, cuts: set[int], first: int) -> None:
        data = self._new(1500)
        key = f"{'ranges' if campr else 'chunks'}{self._made}"
        upload = Upload(user, key, data, tuple(sorted(cuts)), self._world.now + DAY)
        if not self._world.has_room(user, len(data)):
            part = first % (len(cuts) + 1)
            assert self._send(upload, part, user).status_code == 507
            return
        self._world.uploads[key] = upload
        self._sent(upload, first)

    @precondition(lambda self: self._open())
    @rule(which=PICK, part=PICK)
    def go_on(self, which: int, part: int) -> None:
        """With any part, also one that is there."""
        uploads = self._open()
        self._sent(uploads[which % len(uploads)], part)

    def _sent(self, upload: Upload, part: int) -> None:
        part %= len(upload.cuts) + 1
        answer = self._send(upload, part, upload.owner)
        assert answer.is_success, answer.text
        upload.there.add(part)
        ranges = upload.key.startswith("ranges")
        if ranges:
            upload.expires_at = self._world.now + DAY
        assert answer.status_code == ({True: 200, False: 201}[ranges] if upload.complete else 202)
        if upload.complete:
            del self._world.uploads[upload.key]
            given = answer.headers["Location"].rstrip("/").split("/")[-1]
            self._note(upload.owner, given, upload.data, DAY, filed=not ranges)

    def _send(self, upload: Upload, part: int, user: User) -> httpx.Response:
        start, stop = upload.span(part)
        data, total = upload.data[start:stop], len(upload.data)
        if upload.key.startswith("ranges"):
            headers = {
                "Client-Request-ID": upload.key,
                "Content-Range": f"bytes {start}-{stop - 1}/{total}",
            }
            return self._ask(
                user, "POST", "/attachments", again=True, content=data, headers=headers
            )
        fields = {"chunk": str(part + 1), "total_size": str(total), "key": f"{upload.key}.bin"}
        file = {"file": ("blob", data, "application/octet-stream")}
        return self._ask(user, "POST", "/api/large_files", again=True, data=fields, files=file)

    def _open(self) -> list[Upload]:
        return [each for each in self._world.uploads.values() if each.expires_at > self._world.now]

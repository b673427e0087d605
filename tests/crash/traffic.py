"""Clients that leave, claim and delete through several APIs at once, and remember whatever was acknowledged."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

#: Sizes that stay in a row, become a blob, and are written in more than one piece.
SIZES = (100, 2000, 70_000)

#: The turn of a client whose deposits become blobs.
BLOBS = 1

NATIVE = "/coatcheck/v1"


@dataclass
class Promises:
    """What held at one moment, by the answers that had arrived. `kept` is by id the digest of the bytes."""

    kept: dict[int, str] = field(default_factory=dict)
    claimed: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)

    def copy(self) -> Promises:
        return Promises(self.kept.copy(), self.claimed.copy(), self.deleted.copy())

    def broken(self, url: str, token: str) -> list[str]:
        """What of them a server does not keep."""
        questions = [
            *((self._kept, id) for id in self.kept),
            *((self._claimed, id) for id in self.claimed),
            *((self._deleted, id) for id in self.deleted),
        ]
        with requests.Session() as asking, ThreadPoolExecutor(4) as threads:
            asking.headers["Authorization"] = f"Bearer {token}"
            at = f"{url}{NATIVE}/attachments"
            found = threads.map(lambda asked: asked[0](asking, at, asked[1]), questions)
            return [wrong for wrong in found if wrong]

    def _kept(self, asking: requests.Session, at: str, id: int) -> str:
        answer = asking.get(f"{at}/{id}/content")
        if answer.status_code != 200:
            return f"{id} was acknowledged: {answer.status_code} {answer.text[:99]}"
        same = hashlib.sha256(answer.content).hexdigest() == self.kept[id]
        return "" if same else f"{id} has other bytes"

    def _claimed(self, asking: requests.Session, at: str, id: int) -> str:
        shown = asking.get(f"{at}/{id}")
        held = shown.status_code == 200 and shown.json()["state"] == "claimed"
        return "" if held else f"{id} was claimed: {shown.status_code} {shown.text[:99]}"

    def _deleted(self, asking: requests.Session, at: str, id: int) -> str:
        status = asking.get(f"{at}/{id}").status_code
        return "" if status in (404, 410) else f"{id} was deleted: {status}"


class Client:
    """One after the other, again and again. Nothing that it does undoes what was promised before, but a delete.

    What it is about to delete is no promise any more when the request goes out, so that a copy of the promises may be
    taken at any time at which the server does nothing.
    """

    def __init__(self, url: str, token: str, number: int) -> None:
        self.promises = Promises()
        self.refused: list[str] = []
        self.done: Counter[str] = Counter()
        self._url = url
        self._http = requests.Session()
        self._http.headers.update({"Authorization": f"Bearer {token}", "X-Org-ID": "acme"})
        self._turn = number

    def take_turns(self, over: threading.Event) -> None:
        deeds: Sequence[Callable[[], int]] = (
            self.raw, self.form, self.claim, self.ranges, self.other_form, self.chunks, self.delete
        )  # fmt: skip
        while not over.is_set():
            deed = deeds[self._turn % len(deeds)]
            self._turn += 1
            try:
                status = deed()
            except requests.RequestException:
                return  # nobody is there any more
            self.done[deed.__name__] += status < 300
            if status >= 300:
                self.refused.append(f"{deed.__name__}: {status}")

    def raw(self) -> int:
        content = self._content()
        return self._noted(self._send("POST", f"{NATIVE}/attachments", data=content), content)

    def form(self) -> int:
        content = self._content()
        answer = self._send("POST", "/v2/attachments/", files={"file": ("a.bin", content)})
        return self._noted(answer, content)

    def other_form(self) -> int:
        content = self._content()
        metadata = (None, b'{"fileName": "a.bin"}', "application/json")
        files = [("metadata", metadata), ("file", ("a.bin", content, "application/octet-stream"))]
        return self._noted(self._send("POST", "/api/v3/attachments", files=files), content)

    def ranges(self) -> int:
        content, id = secrets.token_bytes(3000), secrets.token_hex(16)
        for start, stop in ((1500, 3000), (0, 1500)):
            headers = {
                "Client-Request-ID": id,
                "Content-Range": f"bytes {start}-{stop - 1}/3000",
            }
            answer = self._send("POST", "/attachments", data=content[start:stop], headers=headers)
            if not answer.ok:
                return answer.status_code
        return self._looked_up(f"sha3-256:{hashlib.sha3_256(content).hexdigest()}", content)

    def chunks(self) -> int:
        content, key = secrets.token_bytes(4000), f"{secrets.token_hex(8)}.bin_1"
        for number in (1, 2):
            chunk = content[(number - 1) * 2000 : number * 2000]
            fields = {"chunk": str(number), "total_size": "4000", "key": key}
            answer = self._send(
                "POST", "/api/large_files", data=fields, files={"file": ("blob", chunk)}
            )
            if not answer.ok:
                return answer.status_code
        return self._looked_up(f"sha256:{hashlib.sha256(content).hexdigest()}", content)

    def claim(self) -> int:
        status = self.raw()
        if status >= 300:
            return status
        wanted = list(self.promises.kept)[-1]
        body = {
            "container": {"kind": "post", "id": secrets.token_hex(8)},
            "attachments": [{"id": wanted}],
        }
        answer = self._send("POST", f"{NATIVE}/claims", json=body)
        if answer.ok:
            self.promises.claimed.add(wanted)
        return answer.status_code

    def delete(self) -> int:
        status = self.raw()
        if status >= 300:
            return status
        doomed, _ = self.promises.kept.popitem()
        answer = self._send("DELETE", f"{NATIVE}/attachments/{doomed}")
        if answer.ok:
            self.promises.deleted.add(doomed)
        return answer.status_code

    def _content(self) -> bytes:
        return secrets.token_bytes(SIZES[self._turn % len(SIZES)])

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        return self._http.request(method, self._url + path, timeout=60, **options)

    def _noted(self, answer: requests.Response, content: bytes) -> int:
        if answer.ok:
            made = answer.json()
            self.promises.kept[int(made["id"])] = hashlib.sha256(content).hexdigest()
        return answer.status_code

    def _looked_up(self, name: str, content: bytes) -> int:
        return self._noted(self._send("GET", f"{NATIVE}/attachments/{name}"), content)


class Traffic:
    def __init__(self, clients: Sequence[Client]) -> None:
        self._clients = clients

    def promises(self) -> Promises:
        """All, as they are while the server stands still."""
        every = Promises()
        for each in self._clients:
            copy = each.promises.copy()
            every.kept |= copy.kept
            every.claimed |= copy.claimed
            every.deleted |= copy.deleted
        return every

    def done(self) -> Counter[str]:
        return sum((each.done for each in self._clients), Counter())

    def refused(self) -> list[str]:
        return [refused for each in self._clients for refused in each.refused]


@contextmanager
def traffic(url: str, token: str, clients: int = 3) -> Iterator[Traffic]:
    """While the block lasts; then each ends what it is at, if anybody answers."""
    several = [Client(url, token, 3 * number) for number in range(clients)]
    over = threading.Event()
    threads = [threading.Thread(target=each.take_turns, args=(over,)) for each in several]
    for thread in threads:
        thread.start()
    try:
        yield Traffic(several)
    finally:
        over.set()
        for thread in threads:
            thread.join(60)

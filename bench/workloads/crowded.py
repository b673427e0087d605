"""The same request in a database of few attachments, and of many."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

from bench.filling import filled
from bench.load.client import Client
from bench.measuring import Measure, Sample
from bench.peers import coatcheck
from bench.session import Session

#: Attachments in one claim.
_CLAIMED = 10

Request = Callable[[Client], float]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The first page of what the owner of a fifth of all attachments sees."""

    rows: str
    path: str
    unit: str = "ms"

    @property
    def title(self) -> str:
        return f"among {self.rows}"

    def prepare(self, session: Session) -> Measure:
        return _repeated(session, self.rows, self._request)

    def _request(self, _: Client) -> Request:
        def listed(client: Client) -> float:
            return client.ask("GET", self.path)[1]

        return listed


@dataclass(frozen=True, kw_only=True)
class Claiming:
    """Ten attachments of that owner at once; they are released again before the next."""

    rows: str
    unit: str = "ms"

    @property
    def title(self) -> str:
        return f"among {self.rows}"

    def prepare(self, session: Session) -> Measure:
        return _repeated(session, self.rows, self._request)

    def _request(self, client: Client) -> Request:
        left = [
            client.ask("POST", coatcheck.NATIVE, f"attachment {n}".encode())[0]["id"]
            for n in range(_CLAIMED)
        ]

        def claimed(client: Client) -> float:
            container = {"kind": "ticket", "id": secrets.token_hex(8)}
            asked = {"container": container, "attachments": left}
            _, took = client.ask("POST", "/coatcheck/v1/claims", asked)
            client.ask("DELETE", f"/coatcheck/v1/claims/ticket/{container['id']}")
            return took

        return claimed


def _repeated(session: Session, rows: str, request_with: Callable[[Client], Request]) -> Measure:
    """A sample is the median of so many requests, or of what there was time for, in ms."""
    data = filled(session, getattr(session.scale, rows))
    start = partial(coatcheck.start, data=data.directory, key=data.key)
    peer = session.peer(f"coatcheck among {rows}", start)
    client = Client(peer.url, peer.headers)
    request = request_with(client)

    def measure() -> Sample:
        client.close()  # what was idle for long the server has closed as well; the next request connects
        over = time.monotonic() + session.scale.seconds
        took = [request(client)]
        while len(took) < session.scale.calls and time.monotonic() < over:
            took.append(request(client))
        return Sample(1000 * median(took), {"requests": len(took)})

    return measure

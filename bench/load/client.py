"""One connection that is kept, for requests that follow from one another."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from bench.outcomes import Failed


class Client:
    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=120)
        self._headers = headers

    def ask(self, method: str, path: str, body: bytes | object | None = None) -> tuple[Any, float]:
        """What the JSON of the answer says, and the seconds it took. Raises Failed on any answer but a 2xx."""
        headers = dict(self._headers)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        began = time.perf_counter()
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        took = time.perf_counter() - began
        if not 200 <= answer.status < 300:
            raise Failed(f"{method} {path} answered {answer.status}: {content[:500]!r}")
        return (json.loads(content) if content else None), took

    def close(self) -> None:
        self._connection.close()

"""Coatcheck as `coatcheck serve` runs it: durable, in its own defaults; only its limits are off."""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urljoin

from bench.outcomes import Failed
from bench.peers.peer import Answer, Peer, Upload
from bench.processes import Child, free_port

NATIVE = "/coatcheck/v1/attachments"

#: Seconds between sweeps that come to nobody's way.
NEVER = 86_400


def start(
    directory: Path,
    *,
    options: tuple[str, ...] = (),
    key: str = "",
    data: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Peer:
    """Without a key, the data is new, and the server's own first key is used."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("COATCHECK_")}
    child = Child(
        [sys.executable, "-m", "coatcheck", "serve", "--port", str(port), *options],
        log=directory / "log",
        env={
            **inherited,
            "COATCHECK_DATA_DIR": str(data or directory / "data"),
            "COATCHECK_RATE_LIMITS": "off",
            "COATCHECK_REAP_EVERY": str(NEVER),
            "PYTHONWARNINGS": "ignore",
            **(env or {}),
        },
    )
    try:
        child.wait_until_it_answers(f"{url}/-/ready")
        headers = {"Authorization": f"Bearer {key or _first_key(child)}"}
    except BaseException:
        child.kill()
        raise
    return Peer(
        name=" ".join(("coatcheck", *options)),
        url=url,
        child=child,
        directory=directory,
        uploads={
            "raw": lambda _: Upload(path=NATIVE, headers=headers),
            "campr": lambda _: Upload(path="/attachments", headers=headers),
            "form": lambda _: Upload(path="/api/files", headers=headers, field="file"),
        },
        forget=partial(_delete, url, headers),
        headers=headers,
    )


def _first_key(child: Child) -> str:
    found = re.search(r"\bcc_[\w-]+", child.said())
    if not found:
        raise Failed(f"it printed no key:\n{child.said()[-2000:]}")
    return found[0]


def _delete(url: str, headers: Mapping[str, str], answer: Answer) -> None:
    """By its Location; campr has none, and names it by its digest."""
    location = answer.headers.get("location")
    if location is None:
        location = f"/attachments/{json.loads(answer.body)['attachment']['digest']}"
    request = urllib.request.Request(urljoin(url, location), method="DELETE", headers=dict(headers))
    with urllib.request.urlopen(request, timeout=60):
        pass

"""nginx in front of the nodes, as deploy/nginx.conf has it."""

from __future__ import annotations

import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.engines.nginx import running_nginx
from tests.nodes.cluster import PATIENCE, Cluster, wait_until
from tests.nodes.sending import HeldBack

MIB = 1024 * 1024


def test_a_large_upload_goes_through_as_it_comes_and_never_to_its_disk(
    nodes: Cluster, tmp_path: Path
) -> None:
    content = secrets.token_bytes(MIB) * 100
    addresses = [urlsplit(node.url).netloc for node in nodes.nodes]
    headers = nodes.nodes[0].server.headers()
    with running_nginx(tmp_path / "nginx", addresses) as nginx, ThreadPoolExecutor(1) as pool:
        body = HeldBack(content)
        sent = pool.submit(
            requests.post,
            f"{nginx.url}/coatcheck/v1/attachments",
            data=body,
            headers=headers,
            timeout=4 * PATIENCE,
        )
        try:
            # A node has the first half before the second is sent.
            reserved = "SELECT count(*) FROM intents WHERE reserved >= 104857600"
            wait_until(lambda: nodes.one(reserved) == 1)
            assert {Path(each.split(" ")[0]).parent for each in nginx.files()} <= {nginx.home}
        finally:
            body.release()
        answer = sent.result()
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"].startswith(nginx.url) or answer.headers[
            "location"
        ].startswith("/")
        got = requests.get(
            f"{nginx.url}{urlsplit(answer.headers['location']).path}/content",
            headers=headers,
            timeout=4 * PATIENCE,
        )
        assert hashlib.sha256(got.content).digest() == hashlib.sha256(content).digest()
        assert [each for each in nginx.home.rglob("*") if each.stat().st_size > MIB] == []


def test_when_a_node_is_gone_the_others_get_its_requests(nodes: Cluster, tmp_path: Path) -> None:
    addresses = [urlsplit(node.url).netloc for node in nodes.nodes]
    first = nodes.nodes[0].server
    headers = first.headers()
    with running_nginx(tmp_path / "nginx", addresses) as nginx:
        first.kill()
        try:
            for _ in range(8):
                answer = requests.post(
                    f"{nginx.url}/coatcheck/v1/attachments",
                    data=secrets.token_bytes(100_000),
                    headers=headers,
                    timeout=PATIENCE,
                )
                assert answer.status_code == 201, answer.text
        finally:
            first.restart()

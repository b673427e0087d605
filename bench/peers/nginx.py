"""nginx: what a web server in C does with a PUT and a GET. It syncs nothing."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from bench.peers.files import empty
from bench.peers.peer import Peer, Upload
from bench.processes import Child, free_port, program

_CONFIGURATION = """
daemon off;
{user}
worker_processes auto;
pid {directory}/pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    client_max_body_size 0;
    client_body_temp_path {directory}/incoming;
    proxy_temp_path {directory}/unused;
    fastcgi_temp_path {directory}/unused;
    uwsgi_temp_path {directory}/unused;
    scgi_temp_path {directory}/unused;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        root {directory}/files;
        dav_methods PUT DELETE;
    }}
}}
"""


def start(directory: Path) -> Peer:
    """Raises Skipped where it is not installed."""
    nginx = program("nginx", "/usr/sbin/nginx")
    port = free_port()
    files = directory / "files"
    files.mkdir()
    configuration = directory / "nginx.conf"
    # Started by root its workers would be nobody, who may not write here.
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(
        _CONFIGURATION.format(user=user, directory=directory, port=port), encoding="utf-8"
    )
    child = Child(
        [nginx, "-e", "stderr", "-p", str(directory), "-c", str(configuration)],
        log=directory / "log",
    )
    url = f"http://127.0.0.1:{port}"
    try:
        child.wait_until_it_answers(url)
    except BaseException:
        child.kill()
        raise
    return Peer(
        name="nginx",
        url=url,
        child=child,
        directory=files,
        uploads={"raw": lambda _: Upload(method="PUT", path="/{n}")},
        forget=partial(empty, files),
    )

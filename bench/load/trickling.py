"""Many slow clients, each an upload of about 1 KiB a second that never ends.

python -m bench.load.trickling URL PATH AUTHORIZATION CLIENTS SECONDS: exits 1 where one was not served to the end.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from urllib.parse import urlsplit

#: Bytes a second; a little over a server's lowest rate of 1 KiB/s, which clocks could make of it.
_RATE = 1100
_DECLARED = 100 * 1024 * 1024


async def _client(host: str, port: int, head: bytes, seconds: float) -> bool:
    """Whether the server was still waiting for more at the end."""
    reader, writer = await asyncio.open_connection(host, port)
    loop = asyncio.get_running_loop()
    try:
        writer.write(head)
        over = loop.time() + seconds
        while loop.time() < over:
            writer.write(b"x" * _RATE)
            await writer.drain()
            await asyncio.sleep(1)
        return not reader.at_eof() and not reader._buffer  # type: ignore[attr-defined]
    except OSError:
        return False
    finally:
        writer.close()


async def _all(url: str, path: str, authorization: str, clients: int, seconds: float) -> int:
    parts = urlsplit(url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: {authorization}\r\n"
        f"Content-Length: {_DECLARED}\r\n\r\n"
    ).encode()
    served = await asyncio.gather(
        *(
            _client(str(parts.hostname), int(parts.port or 80), head, seconds)
            for _ in range(clients)
        )
    )
    if not all(served):
        print(f"{served.count(False)} of {clients} clients were not served to the end")
        return 1
    return 0


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    url, path, authorization, clients, seconds = sys.argv[1:]
    sys.exit(asyncio.run(_all(url, path, authorization, int(clients), float(seconds))))

"""Many connections that are kept for a request every few seconds.

python -m bench.load.idling URL CONNECTIONS SECONDS: exits 1 where one was closed meanwhile.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from urllib.parse import urlsplit

#: Seconds between two requests; a server may close what was idle for longer than 10.
_EVERY = 4


async def _connection(host: str, port: int, seconds: float) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    loop = asyncio.get_running_loop()
    over = loop.time() + seconds
    try:
        while loop.time() < over:
            writer.write(f"GET /-/health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            if not (await reader.read(65536)).startswith(b"HTTP/1.1 200"):
                return False
            await asyncio.sleep(_EVERY)
        return True
    except OSError:
        return False
    finally:
        writer.close()


async def _all(url: str, connections: int, seconds: float) -> int:
    parts = urlsplit(url)
    kept = await asyncio.gather(
        *(
            _connection(str(parts.hostname), int(parts.port or 80), seconds)
            for _ in range(connections)
        )
    )
    if not all(kept):
        print(f"{kept.count(False)} of {connections} idle connections were closed")
        return 1
    return 0


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    url, connections, seconds = sys.argv[1:]
    sys.exit(asyncio.run(_all(url, int(connections), float(seconds))))

"""What the very first start tells: a key, and a line that works as pasted."""

from __future__ import annotations

from collections.abc import Sequence

_FROM_STDIN = "-F 'file=@-;filename=hello.txt;type=text/plain'"

#: dialect -> how to leave a first file there; no file has to be at hand. The first one that is served is shown.
UPLOADS = {
    "campr": (
        "curl -i {url}/attachments -H 'Authorization: Bearer {token}'"
        " -H 'Content-Type: text/plain' -H 'Content-Disposition: attachment; filename=hello.txt'"
        " --data-binary 'Hello, Coatcheck!'"
    ),
    "attachfast": (
        "echo 'Hello, Coatcheck!' | curl -i {url}/api/files -H 'Authorization: Bearer {token}'"
        f" {_FROM_STDIN}"
    ),
    "tracker": (
        "echo 'Hello, Coatcheck!' | curl -i {url}/v2/attachments/ -H 'Authorization: OAuth {token}'"
        f" -H 'X-Org-ID: default' {_FROM_STDIN}"
    ),
    "openproject": (
        "echo 'Hello, Coatcheck!' | curl -i {url}/api/v3/attachments -u 'apikey:{token}'"
        ' -F \'metadata={{"fileName":"hello.txt"}};type=application/json\''
        f" {_FROM_STDIN}"
    ),
    "chat": (
        "echo 'Hello, Coatcheck!' | curl -i {url}/v1/attachments -H 'Authorization: Bearer {token}'"
        f" {_FROM_STDIN}"
    ),
    "native": (
        "curl -i {url}/coatcheck/v1/attachments -H 'Authorization: Bearer {token}'"
        " -H 'Content-Type: text/plain' -H 'Content-Disposition: attachment; filename=hello.txt'"
        " --data-binary 'Hello, Coatcheck!'"
    ),
}

#: Where a client on this machine finds a server that listens everywhere.
_LOCAL = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - compared, not bound


def announce(token: str, host: str, port: int, dialects: Sequence[str]) -> None:
    """Print the key, this once."""
    host = _LOCAL.get(host, f"[{host}]" if ":" in host else host)
    lines = [
        "This is the first start, so here is a key for user admin of tenant default.",
        "It is shown this once; `coatcheck keys create` makes others.",
        "",
        f"    {token}",
    ]
    if upload := next((line for name, line in UPLOADS.items() if name in dialects), None):
        filled = upload.format(url=f"http://{host}:{port}", token=token)
        lines += ["", "Leave a first file:", "", f"    {filled}"]
    print("\n".join([*lines, ""]), flush=True)

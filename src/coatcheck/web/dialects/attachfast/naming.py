"""What an upload is called and where it is filed.

For /api/files the last segment of `folder` is the name, for /api/large_files all of it is folders and the name comes
from `key`, since no client sends another: browsers call a chunk "blob", others "file".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from coatcheck.domain.errors import BadName
from coatcheck.domain.folder import Filing
from coatcheck.domain.magic import sniff
from coatcheck.domain.media_type import (
    bare,
    choose_media_type,
    guess_from_name,
)
from coatcheck.domain.names import (
    clean_filename,
    extension_of,
    parse_folder_field,
    with_extension,
)

# The documentation's own clients make a key out of the name and the time: in seconds or ms.
_TIMESTAMP = re.compile(r"(?<=.)_[0-9]{10,13}\Z", re.S)


def name_upload(
    dirs: Sequence[str], base: str | None, filename: str, declared: str | None, head: bytes
) -> tuple[Filing, str]:
    """(where it is filed, its media type). `base` None: it keeps its own name. Raises BadName(field="filename")."""
    try:
        original = clean_filename(filename)
    except BadName:
        if base is None:
            raise
        original = base
    name = base or original
    if extension_of(original):
        media_type = choose_media_type(declared, original, head)
        return Filing(folders=tuple(dirs), base=with_extension(name, original, None)), media_type
    media_type = choose_media_type(declared, name, head)
    if guess_from_name(name) != bare(media_type):  # `x.jpeg` needs no `.jpg`
        name = with_extension(name, None, media_type)
    return Filing(folders=tuple(dirs), base=name), media_type


def parse_folders(field: str | None) -> tuple[str, ...]:
    """A path of folders and nothing else. Raises BadName(field="folder")."""
    dirs, _ = parse_folder_field(f"{field or ''}/")
    return dirs


def name_of_key(key: str, chunk_name: str | None) -> str:
    """`movie.mp4` out of `movie.mp4_1735576000000`. Raises BadName(field="key") where a key holds no name.

    Without an extension it has that of the chunk's own name, if that stands for a known type.
    """
    last = re.split(r"[/\\]", key.strip().rstrip("/\\"))[-1]
    name = clean_filename(_TIMESTAMP.sub("", last), field="key")
    if extension_of(name) or guess_from_name(chunk_name) is None:
        return name
    return with_extension(name, chunk_name, None)


def type_of_whole(name: str, head: bytes) -> str | None:
    """By the final name, else by the first bytes of the whole, where they are known; None leaves it open."""
    return guess_from_name(name) or sniff(head)

"""What an attachment may be called, and where in a tenant's tree it may be put.

A name is for showing, never a path on our disk; what is refused or removed here is what would
deceive a reader, a database or a client that saves it under that name.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from coatcheck.domain.errors import BadName
from coatcheck.domain.folder import MAX_DEPTH
from coatcheck.domain.media_type import extension_for

#: What file systems and the columns of our tables take.
MAX_LENGTH = 255

#: Longer "extensions" are text after a full stop, which may be cut like any other text.
_MAX_EXTENSION = 32

# Controls, format characters (bidi, zero width), line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})

# Windows opens the device whatever the extension, and takes superscript digits for digits.
_DEVICE = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$) *(\..*)?", re.I
)

# Files that change how the folder they are saved in is shown or served.
_STEERS_ITS_FOLDER = frozenset({"desktop.ini", "autorun.inf", "web.config", "thumbs.db"})


def clean_filename(text: str, *, field: str = "filename") -> str:
    """The name to keep: last segment, NFC, no unseen characters, trimmed, 1 to 255 characters.

    Raises BadName when nothing that could be a name is left.
    """
    return _segment(re.split(r"[/\\]", text)[-1], field)


def clean_folder_name(text: str) -> str:
    """One segment of a path, cleaned. Raises BadName(field="name", reason="blank"|"invalid")."""
    if not text.strip():
        raise BadName(field="name", reason="blank")
    parts = _parts(text, "name")
    if "/" in text or "\\" in text or not parts:
        raise BadName(field="name", reason="invalid")
    return parts[0]


def extension_of(name: str) -> str:
    """The last extension with its dot, or "". A name that only begins with a dot has none."""
    stem, dot, extension = name.lstrip(".").rpartition(".")
    return dot + extension if stem and extension else ""


def download_name(name: str) -> str:
    """The name made harmless for saving on any system's disk: what had to change begins with `_`."""
    safe = re.sub(r"[:/\\]", "_", name).rstrip(". ")
    steers = safe.startswith(".") or safe.lower() in _STEERS_ITS_FOLDER
    if safe != name or steers or _DEVICE.fullmatch(safe):
        return "_" + safe
    return name


@dataclass(frozen=True, slots=True)
class TokenPath:
    """A token taken apart. `rooted`: it began with a slash, which names the root folder."""

    dirs: tuple[str, ...]
    base: str
    rooted: bool = False

    @property
    def token(self) -> str:
        return "/".join((*self.dirs, self.base))

    @property
    def names_a_folder(self) -> bool:
        """False for a bare name, which leaves the attachment in the folder it is in."""
        return self.rooted or bool(self.dirs)


def parse_folder_field(raw: str | None) -> tuple[tuple[str, ...], str | None]:
    """Folders and base name out of "path/name"; no base name: the attachment keeps its own.

    A slash at the end says that all of it is folders. Raises BadName(field="folder").
    """
    path = (raw or "").strip().replace("\\", "/")
    parts = _parts(path, "folder")
    if not parts or path.endswith("/"):
        return _not_too_deep(parts, "folder"), None
    return _not_too_deep(parts[:-1], "folder"), parts[-1]


def parse_token(raw: str) -> TokenPath:
    """A token given by a client, cleaned. Raises BadName(field="token", reason="blank"|"invalid")."""
    path = raw.strip().replace("\\", "/")
    parts = _parts(path, "token")
    if not parts:
        raise BadName(field="token", reason="blank")
    dirs = _not_too_deep(parts[:-1], "token")
    return TokenPath(dirs, parts[-1], rooted=path.startswith("/"))


def with_extension(base: str, original: str | None, media_type: str | None) -> str:
    """`base` with the extension of the original name, else of the media type, if it lacks it."""
    extension = extension_of(original or "") or extension_for(media_type)
    if len(extension) > _MAX_EXTENSION or base.lower().endswith(extension.lower()):
        return base
    return _fitting(base, extension)


def numbered(base: str, number: int) -> str:
    """`stem-1.ext`: the counter stands before the last extension."""
    extension = extension_of(base)
    if len(extension) > _MAX_EXTENSION:
        extension = ""
    return _fitting(base.removesuffix(extension), f"-{number}{extension}")


def _fitting(stem: str, tail: str) -> str:
    return stem[: MAX_LENGTH - len(tail)] + tail


def _parts(path: str, field: str) -> tuple[str, ...]:
    # A control character cannot be meant here, unlike in a name that some file system gave.
    if any(unicodedata.category(character) == "Cc" for character in path):
        raise BadName(field=field, reason="invalid")
    return tuple(_segment(part, field) for part in path.split("/") if part not in {"", "."})


def _not_too_deep(dirs: tuple[str, ...], field: str) -> tuple[str, ...]:
    if len(dirs) > MAX_DEPTH:
        raise BadName(field=field, reason="invalid", limit=MAX_DEPTH)
    return dirs


def _segment(text: str, field: str) -> str:
    # Half a surrogate pair has no UTF-8: neither the database nor an answer could carry it.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadName(field=field, reason="invalid")
    seen = "".join(c for c in text if unicodedata.category(c) not in _UNSEEN)
    name = unicodedata.normalize("NFC", seen).strip()
    if not name.strip(". ") or len(name) > MAX_LENGTH:
        raise BadName(field=field, reason="invalid")
    return name

"""Media types: cleaned when declared, guessed from the name, sniffed from the first bytes.

A type here is a hint for showing. Safety does not rest on it: what is not on the short list of
`safe_inline` is handed out for saving only.
"""

from __future__ import annotations

import re

from coatcheck.domain.magic import sniff as sniff

OCTET_STREAM = "application/octet-stream"

#: What the column takes, parameters included.
MAX_LENGTH = 127

# RFC 6838 §4.2, which is narrower than RFC 9110's token: no `*`, no quotes.
_NAME = r"[a-z0-9][a-z0-9!#$&^_.+-]*"
_TYPE = re.compile(rf"({_NAME}/{_NAME})[ \t]*(;.*)?", re.S)
_CHARSET = re.compile(r';[ \t]*charset="?([a-z0-9_-]+)"?[ \t]*(?:;|\Z)')
# Charsets that browsers read and that no browser can be made to misread as markup (utf-7 can).
_CHARSETS = re.compile(
    r"utf-8|utf-16|utf-16le|utf-16be|us-ascii|iso-8859-(1[0-6]|[1-9])|windows-125[0-8]|koi8-[ru]"
    r"|macintosh|gb2312|gbk|gb18030|big5|shift_jis|euc-jp|iso-2022-jp|euc-kr"
)

# curl and wget declare this for whatever bytes they are given.
_SAYS_NOTHING = frozenset(
    {OCTET_STREAM, "application/x-www-form-urlencoded", "binary/octet-stream"}
)

# Our own table rather than the system's: the same answer on every machine. Preferred extension first.
_EXTENSIONS = {
    "text/plain": "txt log text conf ini",
    "text/html": "html htm",
    "text/css": "css",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "text/markdown": "md markdown",
    "text/calendar": "ics",
    "text/vcard": "vcf",
    "text/javascript": "js mjs",
    "text/xml": "xml",
    "text/x-python": "py",
    "text/x-c": "c h",
    "application/json": "json",
    "application/yaml": "yaml yml",
    "application/pdf": "pdf",
    "application/rtf": "rtf",
    "application/postscript": "ps eps ai",
    "application/zip": "zip",
    "application/gzip": "gz tgz",
    "application/x-bzip2": "bz2",
    "application/x-xz": "xz",
    "application/zstd": "zst",
    "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar",
    "application/x-tar": "tar",
    "application/java-archive": "jar",
    "application/wasm": "wasm",
    "application/xhtml+xml": "xhtml",
    "application/vnd.sqlite3": "sqlite sqlite3",
    "application/vnd.microsoft.portable-executable": "exe dll",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.ms-outlook": "msg",
    "message/rfc822": "eml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/epub+zip": "epub",
    "image/png": "png",
    "image/jpeg": "jpg jpeg jpe",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/bmp": "bmp",
    "image/tiff": "tif tiff",
    "image/svg+xml": "svg",
    "image/vnd.microsoft.icon": "ico",
    "image/vnd.adobe.photoshop": "psd",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg oga opus",
    "audio/flac": "flac",
    "audio/wav": "wav",
    "audio/aac": "aac",
    "audio/midi": "mid midi",
    "video/mp4": "mp4 m4v",
    "video/webm": "webm",
    "video/ogg": "ogv",
    "video/quicktime": "mov qt",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
    "video/mpeg": "mpeg mpg",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "font/ttf": "ttf",
    "font/otf": "otf",
}
_BY_EXTENSION = {
    extension: media_type
    for media_type, extensions in _EXTENSIONS.items()
    for extension in extensions.split()
}

#: Types a browser shows without running anything: images, sound, video, and text as plain text.
INLINE = frozenset(
    "image/png image/jpeg image/gif image/webp image/avif image/bmp text/plain "
    "audio/mpeg audio/mp4 audio/ogg audio/flac audio/wav audio/aac audio/webm audio/x-wav "
    "video/mp4 video/webm video/ogg video/quicktime".split()
)


def clean_media_type(text: str | None) -> str | None:
    """`type/subtype` in lower case, with its charset where that is a known one; None if it is none."""
    text = (text or "").strip(" \t")
    match = _TYPE.fullmatch(text.lower()) if text.isascii() else None
    if match is None or len(match[1]) > MAX_LENGTH:
        return None
    charset = _CHARSET.search(match[2] or "")
    if charset is None or _CHARSETS.fullmatch(charset[1]) is None:
        return match[1]
    whole = f"{match[1]}; charset={charset[1]}"
    return whole if len(whole) <= MAX_LENGTH else match[1]


def choose_media_type(declared: str | None, name: str | None, head: bytes) -> str:
    """What the sender says, if it says anything; else by name, else by the first bytes."""
    cleaned = clean_media_type(declared)
    if cleaned is not None and bare(cleaned) not in _SAYS_NOTHING:
        return cleaned
    return guess_from_name(name) or sniff(head) or OCTET_STREAM


def guess_from_name(name: str | None) -> str | None:
    """The type its last extension stands for."""
    _, dot, extension = (name or "").rpartition(".")
    return _BY_EXTENSION.get(extension.lower()) if dot else None


def extension_for(media_type: str | None) -> str:
    """The usual extension with its dot, or ""."""
    extensions = _EXTENSIONS.get(bare(media_type or ""))
    return "." + extensions.split()[0] if extensions else ""


def safe_inline(media_type: str | None) -> bool:
    """True when a browser may show it in place; all others are for saving."""
    return bare(media_type or "") in INLINE


def bare(media_type: str) -> str:
    """Without parameters, in lower case."""
    return media_type.partition(";")[0].strip().lower()

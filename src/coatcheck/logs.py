"""Log lines: JSON or text, one handler for ours and for the server's own. No line holds a key or can be forged.

What a caller sent is in a line only as the value of a field or as part of a message, and both are escaped.
"""

from __future__ import annotations

import json
import logging
import logging.config
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

Form = Literal["json", "text"]

#: Characters of a message or of one field, and of a traceback: what is longer is cut.
LONGEST_VALUE = 2_000
LONGEST_TRACE = 16_000

#: Nothing of ours logs a key; should anything ever, this is what it looks like.
_KEY = re.compile(r"cc_[A-Za-z0-9_-]{16,}")

#: Of the request that is being carried out, where there is one.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)

#: What a `LogRecord` is called in a line, and nobody's field may be.
_OWN = ("time", "level", "logger", "message", "exception")


def configure(form: Form, level: str) -> None:
    """For the whole process, any number of times."""
    logging.config.dictConfig(configuration(form, level))
    logging.captureWarnings(capture=True)


def configuration(form: Form, level: str) -> dict[str, Any]:
    """For `logging.config.dictConfig`, also that of the servers, whose loggers lose the handlers of their own."""
    ours, others = level.upper(), "ERROR" if level == "error" else "WARNING"
    servers = others if level in ("warning", "error") else "INFO"
    through = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"()": f"{__name__}.{'JsonLine' if form == 'json' else 'TextLine'}"},
            "audit": {"()": f"{__name__}.JsonLine"},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "stream": "ext://sys.stderr",
            },
            "audit": {
                "class": "logging.StreamHandler",
                "formatter": "audit",
                "stream": "ext://sys.stderr",
            },
        },
        # Libraries have less to say: their debug lines hold statements and their values.
        "root": {"handlers": ["stderr"], "level": others},
        "loggers": {
            "coatcheck": {**through, "level": ours},
            # Whole whatever else is told, and for programs to read. Who wants none turns it off.
            "coatcheck.audit": {"handlers": ["audit"], "propagate": False, "level": "INFO"},
            "_granian": {**through, "level": servers},
            "uvicorn": {**through, "level": servers},
            "uvicorn.error": {**through, "level": servers},
            # Requests are logged by our own middleware, under every server alike.
            "uvicorn.access": {"handlers": [], "propagate": False, "level": "CRITICAL"},
            "granian.access": {"handlers": [], "propagate": False, "level": "CRITICAL"},
        },
    }


class JsonLine(logging.Formatter):
    """`{"time": …, "level": …, "logger": …, "message": …}`, then the fields of `extra={"fields": {…}}`. ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _bounded(record.getMessage()),
        }
        line |= _fields(record)
        if trace := _trace(self, record):
            line["exception"] = trace
        return json.dumps(line)


class TextLine(logging.Formatter):
    """`time LEVEL logger message name=value …`. What is below is indented: no line begins with a stranger's words."""

    def format(self, record: logging.LogRecord) -> str:
        words = [
            _time(record),
            record.levelname,
            record.name,
            _printable(_bounded(record.getMessage())),
            *(f"{name}={_word(value)}" for name, value in _fields(record).items()),
        ]
        trace = [_printable(line) for line in _trace(self, record).splitlines()]
        return "\n    ".join([" ".join(words), *trace])


def _time(record: logging.LogRecord) -> str:
    stamp = datetime.fromtimestamp(record.created, UTC)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    given = getattr(record, "fields", None)
    if not isinstance(given, dict):
        return {}
    return {
        str(name): value if _is_plain(value) else _bounded(str(value))
        for name, value in given.items()
        if name not in _OWN
    }


def _is_plain(value: object) -> bool:
    """A number, none, or a list of ids, which whoever logs it has bounded."""
    if isinstance(value, list):
        return all(isinstance(each, int) for each in value)
    return isinstance(value, int | float | None)


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if not record.exc_info:
        return ""
    # The end says what went wrong.
    return _without_keys(formatter.formatException(record.exc_info))[-LONGEST_TRACE:]


def _bounded(text: str) -> str:
    text = _without_keys(text)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _without_keys(text: str) -> str:
    return _KEY.sub("cc_…", text)


def _word(value: object) -> str:
    if not isinstance(value, str):
        return str(value)
    if value and value.isprintable() and not set(value) & set(' "=\\'):
        return value
    return json.dumps(value)


def _printable(text: str) -> str:
    """With every character that could move a cursor, end a line or turn its direction written out."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )

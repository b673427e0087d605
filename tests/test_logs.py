"""Log lines: one each, with nothing secret in them, whatever a caller sends."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck import logs
from tests.kit import installation

FORMS: dict[str, logging.Formatter] = {"json": logs.JsonLine(), "text": logs.TextLine()}
KEY = "cc_" + "aB3-_" * 8


def record(message: str, /, *arguments: object, **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("coatcheck.x", logging.INFO, "x.py", 1, message, arguments, None)
    if fields:
        made.fields = fields
    return made


def failed(error: Exception) -> logging.LogRecord:
    made = record("it failed")
    try:
        raise error
    except Exception:
        made.exc_info = sys.exc_info()
    return made


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a handler of ours writes, on the logger of all our modules."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(FORMS["json"])
    logger = logging.getLogger("coatcheck")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_a_json_line_tells_when_how_grave_who_and_what() -> None:
    made = record("hello %s", "world", status=200, path="/x")
    made.created = 1_750_000_000.25

    assert json.loads(FORMS["json"].format(made)) == {
        "time": "2025-06-15T15:06:40.250Z",
        "level": "info",
        "logger": "coatcheck.x",
        "message": "hello world",
        "status": 200,
        "path": "/x",
    }


def test_a_text_line_tells_the_same_to_a_person() -> None:
    made = record("hello %s", "world", status=200, path="/x y", dialect=None)
    made.created = 1_750_000_000.25

    assert FORMS["text"].format(made) == (
        '2025-06-15T15:06:40.250Z INFO coatcheck.x hello world status=200 path="/x y" dialect=None'
    )


@pytest.mark.parametrize("form", FORMS)
@given(text=st.text())
def test_no_message_and_no_field_can_end_a_line_or_move_a_cursor(form: str, text: str) -> None:
    line = FORMS[form].format(record("%s", text, path=text))
    assert line.isprintable()


@pytest.mark.parametrize("form", FORMS)
def test_a_field_cannot_pass_for_a_part_of_the_line_itself(form: str) -> None:
    line = FORMS[form].format(record("x", time="then", level="grave", message="other", ok="y"))
    assert "then" not in line
    assert "grave" not in line
    assert "other" not in line
    assert "ok" in line


def test_in_text_a_value_with_a_space_or_a_quote_is_quoted() -> None:
    line = FORMS["text"].format(record("x", path='a" status="500', empty=""))
    assert line.endswith(r'path="a\" status=\"500" empty=""')


def test_below_a_text_line_everything_is_indented() -> None:
    line = FORMS["text"].format(failed(ValueError("a\n2025-01-01T00:00:00Z INFO forged\r\x1b[2J")))
    first, *below = line.split("\n")
    assert first.endswith("it failed")
    assert below
    assert all(each.startswith("    ") and each.isprintable() for each in below)


def test_in_json_a_traceback_is_one_value() -> None:
    line = FORMS["json"].format(failed(ValueError("a\nb")))
    assert json.loads(line)["exception"].endswith("ValueError: a\nb")
    assert "\n" not in line


@pytest.mark.parametrize("form", FORMS)
def test_what_is_long_is_cut(form: str) -> None:
    made = record("m" * 100_000, path="p" * 100_000)
    assert len(FORMS[form].format(made)) < 2 * logs.LONGEST_VALUE + 200

    trace = failed(ValueError("e" * 1_000_000))
    assert len(FORMS[form].format(trace)) < logs.LONGEST_TRACE + 200


@pytest.mark.parametrize("form", FORMS)
def test_what_looks_like_a_key_is_not_written(form: str) -> None:
    made = failed(ValueError(f"no such key {KEY}"))
    made.msg, made.fields = f"asked with {KEY}", {"path": f"/x/{KEY}", "object": [KEY]}
    assert KEY not in FORMS[form].format(made)
    assert "cc_…" in FORMS[form].format(made).replace("\\u2026", "…")


async def test_no_request_brings_its_key_into_the_log(tmp_path: Path, written: io.StringIO) -> None:
    async with installation(tmp_path, dialects=()) as place:
        key = await place.key()
        async with place.anonymous() as client:
            for headers in (
                {"Authorization": f"Bearer {key}"},
                {"Authorization": f"Basic {key}"},
                {"Cookie": key, "X-Request-ID": key, "Referer": f"https://x/{key}"},
            ):
                await client.get(f"/-/ready?key={key}", headers=headers)
                await client.post(f"/{key}?{key}", headers=headers, content=key.encode())
                await client.request(f"GET{key[3:].replace('-', '').replace('_', '')}", "/x")

    lines = written.getvalue().splitlines()
    assert len(lines) == 9
    assert all(json.loads(line)["logger"] == "coatcheck.access" for line in lines)
    assert [line for line in lines if key in line] == []


async def test_a_request_is_told_with_its_outcome(tmp_path: Path, written: io.StringIO) -> None:
    async with installation(tmp_path, dialects=()) as place, place.anonymous() as client:
        answer = await client.get("/-/health?secret=1", headers={"X-Request-ID": "abc.1"})

    assert answer.headers["X-Request-ID"] == "abc.1"
    line = json.loads(written.getvalue())
    assert line.pop("ms") >= 0
    assert line.pop("time")
    assert line == {
        "level": "info",
        "logger": "coatcheck.access",
        "message": "request",
        "request_id": "abc.1",
        "dialect": None,
        "method": "GET",
        "path": "/-/health",
        "status": 200,
        "received": 0,
        "sent": len(answer.content),
    }


def said(form: str, level: str, program: str) -> list[str]:
    """What a process of its own writes to standard error, after `logs.configure`."""
    prelude = f"import logging, warnings; from coatcheck import logs; logs.configure({form!r}, {level!r});"
    ran = subprocess.run([sys.executable, "-c", prelude + program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def test_the_servers_own_loggers_go_through_the_same_handler() -> None:
    program = (
        "from granian.log import configure_logging, LogLevels;"
        "configure_logging(LogLevels.info, logs.configuration('json', 'info'));"
        "logging.getLogger('_granian').info('from granian');"
        "logging.getLogger('uvicorn.error').info('from uvicorn');"
        "logging.getLogger('uvicorn.access').info('with a query');"
        "logging.getLogger('granian.access').info('with a query');"
        "logging.getLogger('coatcheck.x').info('from us');"
        "warnings.warn('careful')"
    )
    lines = [json.loads(line) for line in said("json", "info", program)]
    assert [(line["logger"], line["message"]) for line in lines][:3] == [
        ("_granian", "from granian"),
        ("uvicorn.error", "from uvicorn"),
        ("coatcheck.x", "from us"),
    ]
    assert lines[3]["logger"] == "py.warnings"


def test_debug_lines_are_ours_alone() -> None:
    """Those of a library hold statements with their values."""
    program = (
        "logging.getLogger('coatcheck.x').debug('ours');"
        "logging.getLogger('asyncio').debug('theirs');"
        "logging.getLogger('sqlalchemy.engine').info('theirs')"
    )
    (line,) = said("text", "debug", program)
    assert line.endswith("DEBUG coatcheck.x ours")


def test_a_level_keeps_quiet_what_is_below_it() -> None:
    program = (
        "logging.getLogger('coatcheck.access').info('no');"
        "logging.getLogger('_granian').info('no');"
        "logging.getLogger('coatcheck.x').warning('yes')"
    )
    (line,) = said("text", "warning", program)
    assert line.endswith("yes")

"""Whatever is written where a client writes: it is read, or refused in the dialect's own words, and never breaks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import BadName, CoatcheckError, Malformed, Unsupported
from coatcheck.domain.names import parse_folder_field
from coatcheck.web.dialects import DIALECTS
from coatcheck.web.dialects.attachfast.naming import name_of_key, parse_folders
from coatcheck.web.dialects.native import drafts as native
from coatcheck.web.dialects.native.asking import idempotency_key
from coatcheck.web.dialects.native.references import reference_of
from coatcheck.web.dialects.openproject.wishes import read_wishes
from coatcheck.web.dialects.tracker import drafts as tracker
from coatcheck.web.headers.content_encoding import refuse_encoded
from coatcheck.web.headers.content_type import parse_boundary
from coatcheck.web.headers.parameters import parse_parameters
from tests.kit import installation

#: Members that mean something somewhere, so that not all objects are refused by their first one.
MEMBERS = st.sampled_from(
    "attachments container kind id name media_type digest token exclusive lease expires_at expires_in type content "
    "queue summary attachmentIds text version subject _links href lockVersion conversation_id message filename "
    "site_file site_folder parent_id fileName size fileSize".split()
)
LIMITS = [0, -1, 2**31, 2**63, 10**30, 1e308]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(LIMITS)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["1", "post", "sha256:00", "token:a/b", "/api/v3/attachments/1", "2030-01-31T12:00:00Z"]
    )
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(MEMBERS | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(MEMBERS | st.text(max_size=5), VALUES, max_size=6)

READERS: dict[str, Callable[[Any], object]] = {
    "a claim": lambda value: native.new_claim(value, 0),
    "an exact claim": lambda value: native.exact_claim(value, ContainerRef("post", "1"), 0),
    "a change": lambda value: native.change(value, 60, 3600),
    "names": native.asked_of,
    "an issue": tracker.new_issue,
    "a changed issue": tracker.changed_issue,
    "a comment": tracker.new_comment,
    "a changed comment": tracker.changed_comment,
    "a work package": lambda value: read_wishes(value, new=True),
    "a changed work package": lambda value: read_wishes(value, new=False),
}

#: Where each API takes JSON.
ROUTES = [
    ("POST", "/posts"),
    ("PUT", "/posts/1"),
    ("POST", "/v2/issues"),
    ("PATCH", "/v2/issues/TREK-1"),
    ("POST", "/v3/issues/TREK-1/comments"),
    ("POST", "/api/v3/work_packages"),
    ("PATCH", "/api/v3/work_packages/1"),
    ("POST", "/v1/messages"),
    ("PUT", "/v1/attachments/a"),
    ("PATCH", "/api/files/1"),
    ("POST", "/api/folders"),
    ("PATCH", "/api/folders/1"),
    ("POST", "/coatcheck/v1/claims"),
    ("PUT", "/coatcheck/v1/claims/post/1"),
    ("DELETE", "/coatcheck/v1/claims/post/1"),
    ("PATCH", "/coatcheck/v1/attachments/1"),
    ("POST", "/coatcheck/v1/uploads"),
]

#: Where each API takes the name of something.
PATHS = [
    "/attachments/{}",
    "/posts/{}",
    "/api/files/{}",
    "/api/folders/{}",
    "/f/{}",
    "/v2/attachments/{}",
    "/v2/attachments/{}/a",
    "/v2/thumbnails/{}",
    "/v2/issues/{}",
    "/api/v3/attachments/{}",
    "/api/v3/attachments/{}/content",
    "/api/v3/work_packages/{}/attachments",
    "/v1/attachments/{}",
    "/v1/conversations/{}",
    "/v1/messages/{}",
    "/assets/attachments/{}/a",
    "/coatcheck/v1/attachments/{}",
    "/coatcheck/v1/attachments/{}/thumbnail",
    "/coatcheck/v1/claims/{}/1",
    "/coatcheck/v1/claims/post/{}",
    "/coatcheck/v1/uploads/{}",
]

IDS = st.text(max_size=30) | st.sampled_from(
    [
        "0",
        "01",
        "+1",
        "1_0",
        "٣",
        str(2**63),
        "9" * 400,
        "..",
        ".",
        "%",
        "\0",
        "a/b",
        "sha256:",
        "token:a",
    ]
)

FIELDS: dict[str, tuple[Callable[[str], object], tuple[type[CoatcheckError], ...]]] = {
    "a form's type": (parse_boundary, (Malformed, Unsupported)),
    "parameters": (parse_parameters, (Malformed,)),
    "a folder": (parse_folder_field, (BadName,)),
    "folders": (parse_folders, (BadName,)),
    "a chunk's key": (lambda text: name_of_key(text, "a.png"), (BadName,)),
    "a reference": (reference_of, (CoatcheckError,)),
    "a coding": (lambda text: refuse_encoded(_field("content-encoding", text)), (Unsupported,)),
    "an idempotency key": (
        lambda text: idempotency_key(_field("idempotency-key", text)),
        (CoatcheckError,),
    ),
}

slowly = settings(
    max_examples=max(8, settings().max_examples // 4),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
async def ann(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        installation(tmp_path, dialects=tuple(DIALECTS), rate_limits="off") as house,
        house.client() as client,
    ):
        client.headers["X-Org-ID"] = "acme"
        yield client


@pytest.mark.parametrize("name", READERS)
@given(value=VALUES | OBJECTS)
def test_any_json_is_read_or_refused(name: str, value: Any) -> None:
    if not isinstance(value, dict) and name.endswith(("issue", "comment", "package")):
        value = {"summary": value}  # these are handed objects only
    with suppress(CoatcheckError):
        READERS[name](value)


@pytest.mark.parametrize("name", FIELDS)
@given(text=st.text() | st.text("ab=;:\"'\\/. \t%,-_0", max_size=40))
def test_any_text_is_read_or_refused_as_what_it_is(name: str, text: str) -> None:
    read, refusals = FIELDS[name]
    with suppress(*refusals):
        read(text)


@given(
    folders=st.lists(
        st.text("abc.", min_size=1, max_size=5).filter(lambda s: s.strip(".")), max_size=5
    )
)
def test_folders_are_read_as_they_are_written(folders: list[str]) -> None:
    assert parse_folders("/".join(folders)) == tuple(folders)


@slowly
@given(value=VALUES | OBJECTS, data=st.data())
async def test_any_json_is_answered(
    ann: httpx.AsyncClient, value: Any, data: st.DataObject
) -> None:
    for method, path in data.draw(st.permutations(ROUTES))[:5]:
        await _answered(ann, method, path, json.dumps(value).encode())


@slowly
@given(body=st.binary(max_size=60) | st.text('[]{}":,0e+-tru\\ud8', max_size=60).map(str.encode))
async def test_any_body_that_is_none_is_answered(ann: httpx.AsyncClient, body: bytes) -> None:
    for method, path in ROUTES[::4]:
        await _answered(ann, method, path, body)


@slowly
@given(id=IDS, data=st.data())
async def test_any_name_in_a_path_is_answered(
    ann: httpx.AsyncClient, id: str, data: st.DataObject
) -> None:
    written = quote(id, safe="", errors="replace")
    for path in data.draw(st.permutations(PATHS))[:5]:
        for method in ("GET", "DELETE"):
            answer = await ann.request(method, path.format(written))
            assert answer.status_code < 500, (method, path, answer.text)


async def _answered(client: httpx.AsyncClient, method: str, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.request(method, path, content=body, headers=headers)
    assert answer.status_code < 500, (method, path, body, answer.text)


def _field(name: str, text: str) -> Headers:
    return Headers(raw=[(name.encode(), text.encode("utf-8", "replace"))])

"""Yandex Tracker: temporary files, and the issues, comments and projects they are attached to.

Both versions of the API, each path with and without a slash at its end.
"""

from __future__ import annotations

from coatcheck.web.dialect import Dialect
from coatcheck.web.dialects.tracker import (
    attachments,
    comments,
    entities,
    issue_attachments,
    issues,
    myself,
)
from coatcheck.web.dialects.tracker.asking import SCHEMES
from coatcheck.web.dialects.tracker.documenting import with_both_slashes
from coatcheck.web.dialects.tracker.errors import STATUSES, render
from coatcheck.web.head import answer_head
from coatcheck.web.routing import Router

_VERSIONS = ("/v2", "/v3")

_router = Router(dependencies=SCHEMES)
_parts = (attachments, issues, issue_attachments, comments, entities, myself)
for _part in _parts:
    with_both_slashes(_part.router)
    answer_head(_part.router)
for _version in _VERSIONS:
    for _part in _parts:
        _router.include(
            _part.router, prefix=_version, tags=[f"Yandex Tracker {_version.removeprefix('/')}"]
        )

DIALECT = Dialect(
    name="tracker",
    prefixes=_VERSIONS,
    router=_router,
    render=render,
    statuses=STATUSES,
)

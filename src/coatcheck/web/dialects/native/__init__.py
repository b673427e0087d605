"""Coatcheck's own API, /coatcheck/v1: for applications that have posts or issues of their own, and want them to have
attachments.
"""

from __future__ import annotations

from fastapi import Security

from coatcheck.web.dialect import Dialect
from coatcheck.web.dialects.native import attachments, claims, uploads, usage
from coatcheck.web.dialects.native.asking import KEY
from coatcheck.web.dialects.native.errors import STATUSES, render
from coatcheck.web.dialects.native.showing import ROOT
from coatcheck.web.head import answer_head
from coatcheck.web.routing import Router

_router = Router(dependencies=[Security(KEY)])
for _path, _part in (
    ("attachments", attachments),
    ("uploads", uploads),
    ("claims", claims),
    ("usage", usage),
):
    answer_head(_part.router)
    _router.include(_part.router, prefix=f"{ROOT}/{_path}")

DIALECT = Dialect(
    name="native",
    prefixes=("/coatcheck",),
    router=_router,
    render=render,
    statuses=STATUSES,
)

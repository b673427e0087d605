"""OpenProject's API v3, as far as attachments go: containerless uploads, and containers that claim them."""

from __future__ import annotations

from fastapi import Security

from coatcheck.web.dialect import Dialect
from coatcheck.web.dialects.openproject import (
    attachments,
    containers,
    downloads,
    root,
    work_packages,
)
from coatcheck.web.dialects.openproject.asking import API_KEY, TOKEN
from coatcheck.web.dialects.openproject.errors import STATUSES, render
from coatcheck.web.dialects.openproject.hal import ROOT
from coatcheck.web.dialects.openproject.slashes import CollapsesSlashes
from coatcheck.web.head import answer_head
from coatcheck.web.routing import Router

router = Router(tags=["OpenProject"])

for _path, _part in (
    ("", root.router),
    ("/attachments", attachments.router),
    ("/attachments", downloads.router),
    ("", work_packages.router),
    *containers.ROUTERS,
):
    answer_head(_part)
    router.include(_part, prefix=ROOT + _path, dependencies=[Security(API_KEY), Security(TOKEN)])

DIALECT = Dialect(
    name="openproject",
    prefixes=(ROOT,),
    router=router,
    render=render,
    statuses=STATUSES,
    middleware=CollapsesSlashes,
)

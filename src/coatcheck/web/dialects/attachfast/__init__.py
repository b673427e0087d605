"""The File API of attach.fast: a site's files in folders, large ones in chunks."""

from __future__ import annotations

from fastapi import Security

from coatcheck.web.dialect import Dialect
from coatcheck.web.dialects.attachfast import downloads, files, folders, large_files
from coatcheck.web.dialects.attachfast.asking import SITE_KEY
from coatcheck.web.dialects.attachfast.errors import STATUSES, render
from coatcheck.web.head import answer_head
from coatcheck.web.routing import Router

router = Router(tags=["attach.fast"])

for _part in (files, large_files, folders):
    answer_head(_part.router)
    router.include(_part.router, prefix="/api", dependencies=[Security(SITE_KEY)])
answer_head(downloads.router)
router.include(downloads.router, prefix="/f")

DIALECT = Dialect(
    name="attachfast",
    prefixes=("/api", "/f"),
    router=router,
    render=render,
    statuses=STATUSES,
)

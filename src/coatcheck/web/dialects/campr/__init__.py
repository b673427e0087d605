"""Campr, «The Protocol»: attachments are uploaded first, listed while detached, and attached to posts by digest.

An attachment is known by the SHA3-256 of its bytes. It owns every path that no other dialect does.
"""

from __future__ import annotations

from fastapi import Depends
from fastapi.security import HTTPBearer

from coatcheck.web.dialect import Dialect
from coatcheck.web.dialects.campr import attachments, posts, server_info
from coatcheck.web.dialects.campr.rendering import render
from coatcheck.web.routing import Router

# The scheme is for OpenAPI; who the caller is, `metering.caller_of` finds out.
_router = Router(dependencies=[Depends(HTTPBearer(auto_error=False, scheme_name="bearer"))])
for _part in (attachments, posts, server_info):
    _router.include(_part.router)

DIALECT = Dialect(name="campr", prefixes=("",), router=_router, render=render)

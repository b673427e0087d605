"""/api/folders: the site's tree."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from coatcheck.services.folders import UNCHANGED
from coatcheck.web.dependencies import Body, Desk
from coatcheck.web.dialects.attachfast.asking import Caller, FolderId, page_of
from coatcheck.web.dialects.attachfast.documentation import (
    PAGE,
    PER_PAGE,
    envelope,
    failures,
    query,
)
from coatcheck.web.dialects.attachfast.envelope import id_of, read_envelope
from coatcheck.web.dialects.attachfast.errors import Findings
from coatcheck.web.dialects.attachfast.planning import read_name, read_parent, settle
from coatcheck.web.dialects.attachfast.shapes import Folder, FolderDetail, FolderPage, FolderTree
from coatcheck.web.dialects.attachfast.shown import (
    folder_of,
    folder_with_contents,
    pagination_of,
    tree_of,
)
from coatcheck.web.routing import Router

router = Router()

_PARENT = {"type": ["integer", "null"], "description": "null is the root."}


@router.get(
    "/folders",
    summary="Folders of the site by name: all, the roots, or one folder's children",
    responses=failures(401),
    openapi_extra=query(
        parent_id=("Only the children of this folder.", {"type": "integer"}),
        root=("Only folders at the root.", {"type": "boolean", "default": False}),
        page=PAGE,
        per_page=PER_PAGE,
    ),
)
async def list_folders(request: Request, caller: Caller, services: Desk) -> FolderPage:
    wanted = request.query_params
    page, per_page = page_of(wanted)
    # An id that none can have finds nothing, like one that none has.
    parent_id = (id_of(wanted["parent_id"]) or 0) if wanted.get("parent_id") else None
    roots = wanted.get("root", "").lower() in {"true", "1"}
    folders, total = await services.folders.page(
        caller, page, per_page, parent_id=parent_id, roots=roots
    )
    return FolderPage(
        folders=[folder_of(each) for each in folders],
        pagination=pagination_of(page, per_page, total),
    )


@router.get("/folders/tree", summary="The whole tree", responses=failures(401))
async def show_tree(caller: Caller, services: Desk) -> FolderTree:
    return tree_of(await services.folders.all(caller))


@router.get("/folders/{id}", summary="One folder with what is in it", responses=failures(401, 404))
async def show_folder(caller: Caller, services: Desk, id: FolderId) -> FolderDetail:
    return folder_with_contents(await services.folders.view(caller, id))


@router.post(
    "/folders",
    status_code=201,
    summary="Make a folder",
    responses=failures(400, 401, 422),
    openapi_extra=envelope("site_folder", ["name"], name={"type": "string"}, parent_id=_PARENT),
)
async def create_folder(response: Response, caller: Caller, services: Desk, body: Body) -> Folder:
    asked, findings = await read_envelope(body, "site_folder"), Findings()
    name = read_name(asked.get("name"), findings)
    parent_id = read_parent(asked.get("parent_id"), findings)
    await settle(findings, parent_id, services, caller)
    folder = await services.folders.create(caller, name, parent_id)
    response.headers["Location"] = f"/api/folders/{folder.id}"
    return folder_of(folder)


@router.patch(
    "/folders/{id}",
    summary="Rename or move a folder",
    responses=failures(400, 401, 404, 422),
    openapi_extra=envelope("site_folder", [], name={"type": "string"}, parent_id=_PARENT),
)
async def change_folder(caller: Caller, services: Desk, id: FolderId, body: Body) -> Folder:
    asked, findings = await read_envelope(body, "site_folder"), Findings()
    name = read_name(asked["name"], findings) if "name" in asked else UNCHANGED
    parent_id = read_parent(asked["parent_id"], findings) if "parent_id" in asked else UNCHANGED
    await settle(findings, parent_id, services, caller)
    folder = await services.folders.change(caller, id, name=name, parent_id=parent_id)
    return folder_of(folder)


@router.delete(
    "/folders/{id}",
    status_code=204,
    summary="Delete an empty folder",
    responses=failures(401, 404, 422),
)
async def delete_folder(caller: Caller, services: Desk, id: FolderId) -> Response:
    await services.folders.delete(caller, id)
    return Response(status_code=204)

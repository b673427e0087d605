# mypy: ignore-errors
"""What people do with openproject-api-client. Run in its own environment: with_api_client.py SCENARIO [id …]."""

import datetime as dt
import json
import os
import sys

from openproject_api_client import ApiClient, RequestError

client = ApiClient(os.environ["OPENPROJECT_URL"] + "/", os.environ["OPENPROJECT_KEY"])


def links(*ids):
    return [{"href": f"/api/v3/attachments/{id}"} for id in ids]


def one(id):
    found = client.get_attachment(int(id))
    return {
        "type": type(found).__name__,
        "dated": isinstance(found.createdat, dt.datetime),
        "created": str(found.createdat),
        "name": found.filename,
        "size": found.filesize,
        "author": [found.author_id, found.author],
        "container": [found.container_type, found.container_id],
        "url": found.download_url,
        "missing": client.get_attachment(999_999),
    }


def claim(*ids):
    body = {"subject": "Claims", "_links": {"attachments": links(*ids)}}
    made = client.post("work_packages", body)
    listed = client.get_attachments_by_work_package(made.id)
    shorter = client.patch(
        f"work_packages/{made.id}",
        {"lockVersion": made.lockversion, "_links": {"attachments": links(ids[0])}},
    )
    left = client.get_attachments_by_work_package(made.id)
    deleted = client.delete_attachment(int(ids[0]))
    return {
        "type": type(made).__name__,
        "listed": [each.id for each in listed],
        "container": [[each.container_type, each.container_id == made.id] for each in listed],
        "version": shorter.lockversion,
        "left": [each.id for each in left],
        "gone": client.get_attachment(int(ids[1])),
        "deleted": deleted,
        "empty": client.get_attachments_by_work_package(made.id),
    }


def work_package():
    made = client.create_workpackage(1, "Made", type_id=2, priority_id=9, description="text")
    changed = client.update_workpackage(made.id, made.lockversion, subject="Changed")
    try:
        client.update_workpackage(made.id, made.lockversion, subject="Late")
        late = None
    except RequestError as error:
        late = str(error)
    return {
        "subject": client.get_workpackage(made.id).subject,
        "version": changed.lockversion,
        "project": made.project_id,
        "late": late,
    }


def surroundings():
    return {
        "user": client.get_user("me").login,
        "projects": [each.name for each in client.get_projects()],
        "first": client.get_workpackage(1).id,
        "nobody": client.get_user(999_999),
    }


def refused():
    try:
        client.post("work_packages", {"subject": "x", "_links": {"attachments": links(999_999)}})
    except RequestError as error:
        return str(error)


print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))

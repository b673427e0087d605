# mypy: ignore-errors
"""What people do with pyopenproject. Run in its own environment: with_pyopenproject.py SCENARIO; the facts are JSON."""

import json
import os
import sys
import tempfile
from pathlib import Path

from pyopenproject.business.exception.business_error import BusinessError
from pyopenproject.model.attachment import Attachment
from pyopenproject.model.project import Project
from pyopenproject.model.user import User
from pyopenproject.model.wiki_page import WikiPage
from pyopenproject.model.work_package import WorkPackage
from pyopenproject.openproject import OpenProject

URL, KEY = os.environ["OPENPROJECT_URL"], os.environ["OPENPROJECT_KEY"]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(100))

op = OpenProject(url=URL, api_key=KEY)
attachments = op.get_attachment_service()
work_packages = op.get_work_package_service()


def create(name="cat.png", content=PNG):
    path = Path(tempfile.mkdtemp()) / "pic.png"
    path.write_bytes(content)
    return attachments.create(name, "A cat", str(path))


def link(attachment):
    return {"href": f"/api/v3/attachments/{attachment.id}"}


def claim(*claimed):
    wanted = {"subject": "x", "_links": {"attachments": [link(each) for each in claimed]}}
    return work_packages.create(WorkPackage(wanted), notify=False)


def names(found):
    return [each.fileName for each in found]


def refused(deed):
    try:
        deed()
    except BusinessError as error:
        return str(error.__cause__)
    return None


def containerless():
    made = create()
    found = attachments.find(made)
    folder = tempfile.mkdtemp()
    content = attachments.download_by_context(made, folder)
    saved = (Path(folder) / made.fileName).read_bytes()
    attachments.delete(made)
    return {
        "name": made.fileName,
        "description": made.description["raw"],
        "same": found.__dict__ == made.__dict__,
        "whole": content == saved == PNG,
        "again": refused(lambda: attachments.find(made)),
    }


def text():
    made = create("notes.html", b"<b>hello</b>")
    folder = tempfile.mkdtemp()
    # It writes text as bytes and stumbles over that itself, whatever server it speaks to.
    try:
        attachments.download_by_context(made, folder)
    except TypeError as error:
        return str(error)


def claimed():
    first, second = create("a.png"), create("b.png")
    made = claim(first, second)
    listed = work_packages.find_attachments(made)
    found = work_packages.find(made)
    container = attachments.find(first)._links["container"]["href"]
    attachments.delete(listed[0])
    return {
        "id": made.id,
        "container": container,
        "listed": names(listed),
        "embedded": found._embedded["attachments"]["count"],
        "left": names(work_packages.find_attachments(made)),
        "twice": refused(lambda: claim(second)),
    }


def updated():
    """As its users do: the whole document goes back, with its links."""
    made = claim(create("a.png"), create("b.png"))
    found = work_packages.find(made)
    found.subject = "Another"
    again = work_packages.update(found, notify=False)
    kept = names(work_packages.find_attachments(again))
    stale = refused(lambda: work_packages.update(found))
    again._links["attachments"] = [link(work_packages.find_attachments(again)[1])]
    shorter = work_packages.update(again)
    return {
        "subject": again.subject,
        "kept": kept,
        "stale": stale,
        "shorter": names(work_packages.find_attachments(shorter)),
    }


def unclaimable():
    return refused(lambda: claim(Attachment({"id": 999_999})))


def surroundings():
    root = op.get_root_service().find()
    configuration = op.get_configuration_service().find()
    user = op.get_user_service().find(User({"id": root._links["user"]["href"].rpartition("/")[2]}))
    project = op.get_project_service().find(Project({"id": 1, "name": ""}))
    wiki = op.get_wiki_page_service().find_attachments(WikiPage({"id": 5, "subject": ""}))
    return {
        "root": root._type,
        "largest": configuration.maximumAttachmentFileSize,
        "user": user.login,
        "project": project.identifier,
        "projects": [each.identifier for each in op.get_project_service().find_all()],
        "wiki": names(wiki),
        "first": work_packages.find(WorkPackage({"id": 1})).id,
    }


print(json.dumps(globals()[sys.argv[1]]()))

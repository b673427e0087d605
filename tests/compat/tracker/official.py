# mypy: ignore-errors
"""What people do with yandex-tracker-client. Run in its own environment: official.py SCENARIO; the facts are JSON."""

import json
import os
import sys
import tempfile
from pathlib import Path

from yandex_tracker_client import TrackerClient
from yandex_tracker_client.collections import EntityAttachments
from yandex_tracker_client.exceptions import (
    Conflict,
    Forbidden,
    NotFound,
    OutOfRetries,
    PreconditionFailed,
    TrackerServerError,
    UnprocessableEntity,
)

URL, TOKEN, ORG = (os.environ[f"TRACKER_{name}"] for name in ("URL", "TOKEN", "ORG"))


def client(**options):
    given = {"token": TOKEN, "org_id": ORG, "base_url": URL, "retries": 0}
    return TrackerClient(**{**given, **options})


def file(name, content=b"hello"):
    path = Path(tempfile.mkdtemp()) / name
    path.write_bytes(content)
    return str(path)


def downloaded(attachment):
    directory = tempfile.mkdtemp()
    attachment.download_to(directory)
    return (Path(directory) / attachment.name).read_bytes().decode()


def refused(deed, *kinds):
    try:
        deed()
    except kinds as error:
        return {
            "error": type(error).__name__,
            "status": error.status_code,
            "errors": error.errors,
            "messages": error.error_messages,
            "text": str(error),
        }
    return "not refused"


def temporary_file():
    c = client()
    attachment = c.attachments.create(file("report.txt"))
    facts = {
        "id": attachment.id,
        "name": attachment.name,
        "mimetype": attachment.mimetype,
        "size": attachment.size,
        "author": attachment.createdBy.display,
        "login": attachment.createdBy.login,  # asks for the user behind the reference
        "self": attachment.self,
        "content": downloaded(attachment),
        "again": c.attachments[attachment.id].name,
        "mine": [each.id for each in c.attachments.get_all()],
    }
    attachment.delete()
    facts["after_delete"] = refused(lambda: c.attachments[attachment.id], NotFound)
    return facts


def unicode_name():
    c = client()
    attachment = c.attachments.create(file("Отчёт + план 100%.txt", b"data"))
    issue = c.issues.create(queue="NAME", summary="s")
    with Path(file("x")).open("rb") as opened:
        renamed = issue.attachments.create(opened, params={"filename": "Новое имя.txt"})
    return {
        "name": attachment.name,
        "content": attachment.content,
        "bytes": downloaded(attachment),
        "renamed": renamed.name,
        "renamed_bytes": downloaded(renamed),
    }


def issue_with_files():
    c = client()
    issue = c.issues.create(queue="TREK", summary="Test", attachments=[file("report.txt")])
    comment = issue.comments.create(text="see file", attachments=[file("log.txt", b"log")])
    before = issue.version
    issue.update(summary="Changed", attachments=[file("more.txt", b"more")])
    issue.attachments.create(file("direct.txt", b"direct"))
    listed = list(issue.attachments)
    facts = {
        "key": issue.key,
        "summary": issue.summary,
        "versions": [before, issue.version],
        "queue": issue.queue.key,
        "author": issue.createdBy.display,
        "listed": {each.name: downloaded(each) for each in listed},
        "paths": sorted(each.self.removeprefix(URL).rpartition("/")[0] for each in listed),
        "comment": [comment.text, [each.display for each in comment.attachments]],
        "comments": [each.text for each in issue.comments],
        "by_key": c.issues[issue.key].summary,
    }
    by_comment = next(each for each in listed if each.name == "log.txt")
    issue.attachments[by_comment.id].delete()
    facts["left"] = sorted(each.name for each in issue.attachments)
    return facts


def used_twice():
    c = client()
    temporary = c.attachments.create(file("once.txt"))
    issue = c.issues.create(queue="ONCE", summary="first", attachmentIds=[temporary.id])
    again = refused(
        lambda: c.issues.create(queue="ONCE", summary="second", attachmentIds=[temporary.id]),
        UnprocessableEntity,
    )
    other = refused(
        lambda: issue.comments.create(text="t", attachmentIds=[temporary.id]), UnprocessableEntity
    )
    return {
        "issue": again,
        "comment": other,
        "comments": len(list(issue.comments)),
        "next": c.issues.create(queue="ONCE", summary="third").key,
    }


def cloud():
    """The client sends `X-Org-Id: not provided` beside the organization that is meant."""
    c = client(token=None, org_id=None, iam_token=TOKEN, cloud_org_id=ORG, api_version="v3")
    attachment = c.attachments.create(file("cloud.txt"))
    issue = c.issues.create(queue="CLOUD", summary="s", attachmentIds=[attachment.id])
    return {
        "self": attachment.self,
        "issue": issue.self,
        "bytes": downloaded(next(iter(issue.attachments))),
        "me": c.myself.display,
    }


def conflicts():
    c = client()
    first = c.issues.create(queue="CON", summary="one", unique="same")
    second = c.issues.create(queue="CON", summary="two", unique="same")
    stale = c.issues[first.key]
    first.update(summary="changed")
    return {
        "same": [first.key, second.key],
        "stale": refused(lambda: stale.update(summary="late"), PreconditionFailed),
        "told": refused(
            lambda: stale.update(summary="late", params={"version": 99}),
            Conflict,
            PreconditionFailed,
        ),
        "ignored": stale.update(summary="forced", ignore_version_change=True).summary,
    }


def refusals():
    c = client()
    return {
        "unknown": refused(lambda: c.issues["NONE-1"], NotFound),
        "attachment": refused(lambda: c.attachments["999999"], NotFound),
        "organization": refused(lambda: client(org_id="elsewhere").myself, Forbidden),
        "token": refused(lambda: client(token="wrong").myself, TrackerServerError),
        "nothing": refused(lambda: client(token=None).myself, TrackerServerError),
        "field": refused(lambda: c.issues.create(queue="1", summary=""), UnprocessableEntity),
    }


def thumbnail():
    c = client()
    attachment = c.attachments.create(sys.argv[2])
    directory = tempfile.mkdtemp()
    facts = {"metadata": dict(attachment.metadata), "thumbnail": attachment.thumbnail}
    if attachment.thumbnail:
        attachment.download_thumbnail_to(directory)
        facts["bytes"] = (Path(directory) / attachment.name).stat().st_size
    return facts


def file_that_is_sent_again():
    """The first attempt meets a failure; the second has nothing left of the file."""
    c = client(retries=1, retries_initial_delay=3)
    path = file("large.bin", os.urandom(200_000))
    return {
        "outcome": refused(lambda: c.attachments.create(path), UnprocessableEntity, OutOfRetries)
    }


def entity():
    c = client()
    temporary = c.attachments.create(file("plan.txt"))
    files = EntityAttachments(c._connection, entity="project", idx="655f328da834c763")
    made = files.attach(temporary.id, expand="attachments")
    files.attach(temporary.id)  # as after an answer that was lost
    other = EntityAttachments(c._connection, entity="goal", idx="655f328da834c764")
    facts = {
        "type": made.entityType,
        "attached": [each.name for each in made.attachments],
        "project": c.project["655f328da834c763"].version,
        "listed": {each.name: downloaded(each) for each in files},
        "other": refused(lambda: other.attach(temporary.id), UnprocessableEntity),
    }
    files.delete(temporary.id)
    return {**facts, "left": list(files)}


print(json.dumps(globals()[sys.argv[1]]()))

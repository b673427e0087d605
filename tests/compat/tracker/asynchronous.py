# mypy: ignore-errors
"""What people do with yatracker. Run in its own environment: asynchronous.py SCENARIO; facts come out as JSON."""

import asyncio
import io
import json
import os
import sys
from datetime import UTC, datetime

from yatracker import YaTracker
from yatracker.exceptions import ObjectNotFoundError, SufficientRightsError, YaTrackerError

URL, TOKEN, ORG = (os.environ[f"TRACKER_{name}"] for name in ("URL", "TOKEN", "ORG"))


def client(**options):
    given = {"org_id": ORG, "token": TOKEN, "api_host": URL}
    return YaTracker(**{**given, **options})


def file(content=b"hello"):
    return io.BytesIO(content)


async def refused(deed, *kinds):
    try:
        await deed
    except kinds as error:
        return type(error).__name__
    return "not refused"


async def issue_with_files(t):
    temporary = await t.upload_temp_file(file(), "report.txt")
    issue = await t.create_issue("Test", "TREK", attachment_ids=[temporary.id])
    log = await t.upload_temp_file(file(b"log"), "Журнал + 1.txt")
    comment = await t.post_comment(issue.key, "see file", attachment_ids=[log.id])
    direct = await t.attach_file(issue.key, file(b"direct"), "direct.txt")
    listed = await t.get_attachments(issue.key)
    facts = {
        "temporary": temporary.model_dump(mode="json"),
        "key": issue.key,
        "long": issue.id,
        "comment": [comment.id, comment.text, comment.updated_by.id],
        "direct": direct.url.removeprefix(URL),
        "listed": [[each.name, each.size, each.comment_id] for each in listed],
        "content": [
            (await t.download_attachment(issue.key, each.id, each.name)).decode() for each in listed
        ],
        "by_id": (await t.get_issue(issue.id, expand="attachments")).key,
        "edited": (await t.edit_issue(issue.key, issue.version, summary="Changed")).summary,
        "stale": await refused(t.edit_issue(issue.key, 1, summary="late"), YaTrackerError),
        "comment_edited": (await t.edit_comment(issue.key, comment.id, "edited")).version,
        "comments": [each.text for each in await t.get_comments(issue.key, expand="all")],
        "reuse": await refused(
            t.create_issue("again", "TREK", attachment_ids=[temporary.id]), YaTrackerError
        ),
        "deleted": await t.delete_attachment(issue.key, listed[0].id),
        "left": [each.name for each in await t.get_attachments(issue.key)],
        "unknown": await refused(t.get_issue("NONE-1"), ObjectNotFoundError),
    }
    await t.delete_comment(issue.key, comment.id)
    facts["without_comment"] = [each.name for each in await t.get_attachments(issue.key)]
    return facts


async def imported(t):
    issue = await t.create_issue("Test", "IMP")
    old = datetime(2017, 6, 11, 5, 16, 1, 339000, tzinfo=UTC)
    attachment = await t.import_attachment(issue.key, file(b"old"), "old.txt", old, "ann")
    (listed,) = await t.get_attachments(issue.key)
    return {
        "created": attachment.created_at.isoformat(),
        "author": attachment.created_by.id,
        "listed": [listed.created_at.isoformat(), listed.name],
    }


async def cloud(_t):
    async with client(org_id=None, token=None, cloud_org_id=ORG, iam_token=TOKEN) as t:
        return {"name": (await t.upload_temp_file(file(), "cloud.txt")).name}


async def elsewhere(_t):
    async with client(org_id="elsewhere") as t:
        return {"refused": await refused(t.upload_temp_file(file(), "a"), SufficientRightsError)}


async def main():
    async with client() as t:
        print(json.dumps(await globals()[sys.argv[1]](t)))


asyncio.run(main())

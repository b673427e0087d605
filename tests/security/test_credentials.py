"""Keys that are missing, wrong, told in the wrong way, or revoked while their holder is sending."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from contextlib import ExitStack

import pytest

from coatcheck.bootstrap import open_services
from coatcheck.settings import Settings
from tests.security.aftermath import unharmed
from tests.security.harness import (
    DIALECTS,
    FORMS,
    MIB,
    UPLOADS,
    Kind,
    Row,
    Site,
    by_name,
    name_of,
    run,
    upload_body,
)
from tests.security.requests import FORM, Field, request
from tests.security.wire import Connection

#: A body that nobody is to look at.
UNREAD = upload_body("chat", os.urandom(2000))

#: Schemes that each API speaks.
SCHEMES = {
    "campr": {b"Bearer"},
    "attachfast": {b"Bearer"},
    "tracker": {b"Bearer", b"OAuth"},
    "openproject": {b"Bearer", b"Basic"},
    "chat": {b"Bearer", b"Basic"},
    "native": {b"Bearer"},
}


def _asking(dialect: str, *fields: Field) -> bytes:
    """An upload by whoever these fields say it is by."""
    org = [(b"X-Org-ID", b"acme")] if dialect == "tracker" else []
    return request(b"POST", UPLOADS[dialect], *org, *fields, (b"Content-Type", FORM), body=UNREAD)


def _by(value: bytes) -> tuple[Field]:
    return ((b"Authorization", value),)


def _flipped(token: bytes) -> bytes:
    return token[:-1] + (b"A" if token[-1:] != b"A" else b"B")


WRONG = {
    "no key": lambda _: (),
    "a scheme without a key": lambda _: _by(b"Bearer"),
    "a scheme and a space": lambda _: _by(b"Bearer "),
    "a key and more": lambda site: _by(b"Bearer " + site.token() + b" extra"),
    "a key twice": lambda site: _by(b"Bearer " + site.token()) * 2,
    "two keys": lambda site: _by(b"Bearer " + site.token()) + _by(b"Bearer " + site.token("eve")),
    "a key of 50 kB": lambda _: _by(b"Bearer " + b"x" * 50_000),
    "another last character": lambda site: _by(b"Bearer " + _flipped(site.token())),
    "a key that is too short": lambda site: _by(b"Bearer " + site.token()[:-1]),
    "a key that is too long": lambda site: _by(b"Bearer " + site.token() + b"x"),
    "a key in another case": lambda site: _by(b"Bearer " + site.token().swapcase()),
    "a key beyond ASCII": lambda _: _by(b"Bearer k\xc3\xa9" + b"y" * 40),
    "a key that is no UTF-8": lambda _: _by(b"Bearer k\xe9\xff" + b"y" * 40),
    "a key in quotes": lambda site: _by(b'Bearer "' + site.token() + b'"'),
    "a key without a scheme": lambda site: _by(site.token()),
    "SQL for a key": lambda _: _by(b"Bearer ' OR 1=1 --"),
    "a scheme nobody speaks": lambda site: _by(b"Hawk " + site.token()),
    "no base64": lambda _: _by(b"Basic !!!notbase64!!!"),
    "base64 of no UTF-8": lambda _: _by(b"Basic " + base64.b64encode(b"\xff\xfe:\xff")),
    "no colon": lambda site: _by(b"Basic " + base64.b64encode(site.token())),
    "another's login": lambda site: _by(b"Basic " + base64.b64encode(b"eve:" + site.token())),
    "a password beyond ASCII": lambda _: _by(b"Basic " + base64.b64encode("ann:käse".encode())),
    "a password of 40 kB": lambda _: _by(b"Basic " + base64.b64encode(b"ann:" + b"x" * 30_000)),
}

REFUSED = [
    Row(
        name=name,
        dialect=dialect,
        send=lambda site, dialect=dialect, by=by: _asking(dialect, *by(site)),  # type: ignore[misc]
        # A field that is told twice is no request for some.
        expect={400, 401},
    )
    for name, by in WRONG.items()
    for dialect in DIALECTS
]

MISPLACED = [
    Row(
        name=f"a good key after {scheme.decode()}",
        dialect=dialect,
        send=lambda site, dialect=dialect, scheme=scheme: _asking(  # type: ignore[misc]
            dialect, *_by(scheme + b" " + _worded(scheme, site))
        ),
        expect={401},
    )
    for scheme in (b"Basic", b"OAuth", b"Token")
    for dialect in DIALECTS
    if scheme not in SCHEMES[dialect]
]


def _worded(scheme: bytes, site: Site) -> bytes:
    return base64.b64encode(b"apikey:" + site.token()) if scheme == b"Basic" else site.token()


SPELT = [
    Row(
        name="a scheme in capitals",
        dialect=dialect,
        send=lambda site, dialect=dialect: site.upload(  # type: ignore[misc]
            dialect, os.urandom(20)
        ).replace(b"Authorization: Bearer", b"aUTHORIZATION: BEARER"),
        expect={200, 201},
        stores=True,
    )
    for dialect in DIALECTS
]


def _organization(*fields: Field) -> bytes:
    return request(b"POST", UPLOADS["tracker"], *fields, (b"Content-Type", FORM), body=UNREAD)


ORGANIZATIONS = [
    Row(
        name=name,
        dialect="tracker",
        send=lambda site, fields=fields: _organization(  # type: ignore[misc]
            (b"Authorization", b"OAuth " + site.token()), *fields
        ),
        expect={400, 403, 404},
    )
    for name, fields in {
        "no organization": (),
        "another organization": ((b"X-Org-ID", b"rival"),),
        "another in the cloud": ((b"X-Cloud-Org-ID", b"rival"),),
        "another first": ((b"X-Cloud-Org-ID", b"rival"), (b"X-Org-ID", b"acme")),
        "SQL for an organization": ((b"X-Org-ID", b"0' OR 1=1"),),
        "one in another case": ((b"X-Org-ID", b"ACME"),),
        "one that is no UTF-8": ((b"X-Org-ID", b"acme\xff"),),
    }.items()
]


@pytest.mark.parametrize("rows", by_name(REFUSED, 4), ids=name_of)
def test_who_cannot_be_known_is_refused(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(MISPLACED + SPELT, 4), ids=name_of)
def test_an_api_takes_keys_in_its_own_schemes(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


@pytest.mark.parametrize("rows", by_name(ORGANIZATIONS, 7), ids=name_of)
def test_a_key_is_good_in_its_own_organization(site: Site, rows: tuple[Row, ...]) -> None:
    run(site, *rows)


def test_ten_megabytes_without_a_key_are_refused_before_a_byte_of_them_comes(site: Site) -> None:
    with unharmed(site) as watch:
        for dialect in DIALECTS:
            kind = (b"Content-Type", FORM)
            head = request(b"POST", UPLOADS[dialect], kind, length=10 * MIB, keep_alive=True)
            seen = site.send(head)
            watch.saw(dialect, seen)
            assert seen.status == 401
            assert not seen.interim


def _revoke(site: Site, *logins: str) -> None:
    """Beside the server, as `coatcheck keys revoke` does."""

    async def revoke() -> None:
        settings = Settings(data_dir=site.server.data_dir, blobs_url="memory:")
        async with open_services(settings) as services:
            for key in await services.keys.all():
                if key.login in logins:
                    await services.keys.revoke(key.id)

    asyncio.run(revoke())


def test_an_upload_whose_key_is_revoked_while_it_arrives_is_refused_and_discarded(
    sites: dict[Kind, Site],
) -> None:
    """In every API of both servers at once, as what they know of a key they trust for five seconds."""
    logins = {dialect: f"gone-{dialect}" for dialect in DIALECTS}
    with ExitStack() as stack:
        uploads = []
        for site in sites.values():
            tokens = {each: site.server.key("acme", logins[each]).encode() for each in DIALECTS}
            site.secrets |= set(tokens.values())
            watch = stack.enter_context(unharmed(site))
            for dialect, token in tokens.items():
                whole = _long_upload(dialect, token)
                connection = stack.enter_context(Connection(site.server.port))
                connection.send([whole[:-1000]])
                uploads.append((site, watch, dialect, connection, whole[-1000:]))
        time.sleep(0.5)
        for site in sites.values():
            _revoke(site, *logins.values())
        time.sleep(4.8)
        for site, watch, dialect, connection, rest in uploads:
            connection.send([rest])
            connection.listen()
            seen = connection.exchange
            watch.saw(dialect, seen)
            assert seen.status == 401, f"{site.kind}, {dialect}: {seen}"


def _long_upload(dialect: str, token: bytes) -> bytes:
    org = [(b"X-Org-ID", b"acme")] if dialect == "tracker" else []
    usual = FORM if dialect in FORMS else b"application/octet-stream"
    return request(
        b"POST",
        UPLOADS[dialect],
        (b"Authorization", b"Bearer " + token),
        *org,
        (b"Content-Type", usual),
        body=upload_body(dialect, os.urandom(150_000)),
    )

"""An upload, with a container or without: the same form, the same rules."""

from __future__ import annotations

from starlette.requests import Request

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.digest import MD5
from coatcheck.domain.principal import Principal
from coatcheck.services.bundle import Services
from coatcheck.services.commands import Deposit, Description
from coatcheck.web.config import WireConfig
from coatcheck.web.dependencies import body_of
from coatcheck.web.dialects.openproject.allowlist import is_allowed, type_of
from coatcheck.web.dialects.openproject.errors import violation
from coatcheck.web.dialects.openproject.form import Metadata, UploadForm


async def upload(
    request: Request,
    caller: Principal,
    services: Services,
    config: WireConfig,
    *,
    into: ContainerRef | None = None,
    elsewhere: bool = False,
) -> Attachment:
    """Without a container it stays for `openproject_ttl`. Raises what is wrong first, and then nothing is kept."""
    form = await UploadForm.open(request, body_of(request))

    async def describe(head: bytes) -> Description:
        return _describe(form.metadata(), config.openproject_allowlist, head)

    return await services.uploads.deposit(
        Deposit(
            caller=caller,
            dialect="openproject",
            body=form.file.data,
            describe=describe,
            max_size=config.openproject_max_size,
            lifetime=None if into else config.openproject_ttl,
            digests=frozenset({MD5}),
            into=into,
            elsewhere=elsewhere,
        )
    )


def _describe(metadata: Metadata, allowlist: tuple[str, ...], head: bytes) -> Description:
    media_type = allowed_type(allowlist, metadata.name, head)
    return Description(name=metadata.name, media_type=media_type, description=metadata.description)


def allowed_type(allowlist: tuple[str, ...], name: str, head: bytes) -> str:
    """What it is kept as. Raises what is told as 422 where the installation takes none of these."""
    media_type = type_of(name, head)
    if not is_allowed(allowlist, media_type, name):
        raise violation("contentType", f"'{media_type}' is not allowed for upload.")
    return media_type

"""Every table. Times are whole ms since 1970 (UTC); sizes are bytes; states come from the lifecycle table."""

from __future__ import annotations

from coatcheck.repositories.tables.attachments import (
    attachments,
    derivatives,
    intents,
    parts,
    slots,
)
from coatcheck.repositories.tables.base import metadata
from coatcheck.repositories.tables.containers import (
    claims,
    container_versions,
    containers,
    counters,
    failed_uploads,
    replays,
)
from coatcheck.repositories.tables.folders import folder_paths, folders
from coatcheck.repositories.tables.people import installation, keys, principals, quotas, tenants
from coatcheck.repositories.tables.rates import rates
from coatcheck.repositories.tables.tallies import tallies

__all__ = [
    "attachments",
    "claims",
    "container_versions",
    "containers",
    "counters",
    "derivatives",
    "failed_uploads",
    "folder_paths",
    "folders",
    "installation",
    "intents",
    "keys",
    "metadata",
    "parts",
    "principals",
    "quotas",
    "rates",
    "replays",
    "slots",
    "tallies",
    "tenants",
]

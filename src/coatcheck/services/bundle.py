"""All use cases of one installation, as bootstrap has put them together."""

from __future__ import annotations

from dataclasses import dataclass

from coatcheck.blobs.base import BlobStore
from coatcheck.services.availability import Availability
from coatcheck.services.belonging import Belonging
from coatcheck.services.checking import Checking
from coatcheck.services.claims import Claims
from coatcheck.services.containers import Containers
from coatcheck.services.deleting import Deleting
from coatcheck.services.details import Details
from coatcheck.services.direct_uploads import DirectUploads
from coatcheck.services.downloads import Downloads
from coatcheck.services.failed_uploads import FailedUploads
from coatcheck.services.folders import Folders
from coatcheck.services.form_uploads import FormUploads
from coatcheck.services.hosting import Hosting
from coatcheck.services.keys import Keys
from coatcheck.services.listing import Listing
from coatcheck.services.moving import Moving
from coatcheck.services.people import People
from coatcheck.services.ports import Clock, Meter, Transactions, Witness
from coatcheck.services.rationing import Rationing
from coatcheck.services.reaping import Reaping
from coatcheck.services.room import Room
from coatcheck.services.running_digests import RunningDigests
from coatcheck.services.thumbnails import Thumbnails
from coatcheck.services.tree import Tree
from coatcheck.services.uploads import Uploads


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    uploads: Uploads
    direct_uploads: DirectUploads
    form_uploads: FormUploads
    downloads: Downloads
    thumbnails: Thumbnails
    deleting: Deleting
    details: Details
    listing: Listing
    failed_uploads: FailedUploads
    folders: Folders
    tree: Tree
    containers: Containers
    claims: Claims
    keys: Keys
    people: People
    rationing: Rationing
    reaping: Reaping
    checking: Checking
    availability: Availability
    belonging: Belonging
    hosting: Hosting
    moving: Moving | None
    running: RunningDigests
    room: Room
    witness: Witness
    meter: Meter | None
    transactions: Transactions
    blobs: BlobStore
    clock: Clock

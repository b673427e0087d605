"""Who is told of what happens, as the settings have it: metrics, the audit log, both or nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from coatcheck.audit import Auditing
from coatcheck.descriptors import share_open
from coatcheck.disk import Disk
from coatcheck.metrics import catalogue as known
from coatcheck.metrics.counting import Counting
from coatcheck.metrics.meter import Meter
from coatcheck.metrics.numbers import Numbers
from coatcheck.services.availability import Availability
from coatcheck.services.census import Censuses
from coatcheck.services.events import Event
from coatcheck.services.ports import Clock, Transactions, Witness
from coatcheck.services.room import Room
from coatcheck.settings import Settings


@dataclass(frozen=True, slots=True)
class Witnesses:
    """All of several."""

    several: Sequence[Witness]

    def tell(self, event: Event) -> None:
        for each in self.several:
            each.tell(event)


class Observing:
    """`witness` is whom the use cases tell; `room` is what is left for uploads; `database` a file, if it is one."""

    def __init__(self, settings: Settings, clock: Clock, database: Path | None) -> None:
        self._settings = settings
        self._numbers = Numbers()
        several: list[Witness] = []
        if settings.metrics != "off":
            several.append(Counting(self._numbers, clock))
        if settings.audit_log == "on":
            several.append(Auditing())
        self.witness: Witness = several[0] if len(several) == 1 else Witnesses(several)
        places = {"database": database.absolute().parent} if database else {}
        url = urlsplit(settings.effective_blobs_url)
        if url.scheme == "file":
            places["blobs"] = Path(unquote(url.path))
        self.room = Room(
            Disk(places),
            reserve=settings.disk_reserve,
            inline_max=settings.inline_max,
            share_open=share_open,
        )

    def meter(self, transactions: Transactions, availability: Availability) -> Meter | None:
        if self._settings.metrics == "off":
            return None
        censuses = Censuses(transactions)
        reserve = self._settings.disk_reserve

        async def gauges() -> Mapping[tuple[known.Metric, str], float]:
            census = await censuses.latest()
            answers = await availability.look()
            return {
                **{(known.ATTACHMENTS, str(s)): n for s, n in census.attachments.items()},
                (known.ATTACHMENT_BYTES, "used"): census.used,
                (known.ATTACHMENT_BYTES, "reserved"): census.reserved,
                **{(known.UP, name): float(answer == "ok") for name, answer in answers.items()},
                **{(known.DISK_FREE, name): free for name, free in self.room.free().items()},
                (known.DISK_RESERVE, ""): reserve,
            }

        return Meter(self._numbers, self._settings.metrics_dir, gauges)

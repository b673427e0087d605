"""Of the database: its settings, its version, its clock, who may enter, and who serves."""

from __future__ import annotations

from coatcheck.cli.examining.finding import SLACK, Finding
from coatcheck.cli.tables import moment
from coatcheck.repositories.condition import Condition
from coatcheck.services.bundle import Services
from coatcheck.settings import Settings

#: 2025 began then, in ms: no clock that is right shows an earlier time.
_AFTER = 1_735_689_600_000


def database(found: Condition) -> Finding:
    force = ", ".join(f"{name}={value}" for name, value in found.pragmas.items())
    missing = {
        name: value
        for name, value in found.wanted_pragmas.items()
        if found.pragmas.get(name) != value
    }
    says = f"{found.kind} {found.version} with {force}" + (f"; {found.why}" if found.why else "")
    if missing:
        return Finding("database", "wrong", f"{says}; wanted: {missing}")
    return Finding("database", "warning" if found.doubtful else "ok", says)


async def migrations(found: Condition) -> Finding:
    if found.revision == found.wanted_revision:
        return Finding("migrations", "ok", f"at {found.revision}, the newest")
    if found.fits:
        return Finding("migrations", "ok", f"at {found.revision}, for newer nodes and for this one")
    return Finding(
        "migrations",
        "wrong",
        f"at {found.revision or 'nothing'}, {found.wanted_revision} is wanted: run `coatcheck db upgrade`",
    )


async def clock(found: Condition, now: int) -> Finding:
    if now < _AFTER:
        return Finding("clock", "wrong", f"it shows {moment(now)}")
    if found.newest > now + SLACK:
        return Finding(
            "clock",
            "wrong",
            f"it shows {moment(now)}, yet something was stored at {moment(found.newest)}",
        )
    return Finding("clock", "ok", moment(now))


async def host(services: Services) -> Finding:
    return Finding("host", "ok", await services.hosting.look())


async def keys(services: Services) -> Finding:
    now = services.clock.now()
    live = [
        key
        for key in await services.keys.all()
        if key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
    ]
    if not live:
        return Finding("keys", "warning", "none is live: run `coatcheck keys create`")
    return Finding("keys", "ok", f"{len(live)} live")


async def sweeps(settings: Settings, services: Services) -> Finding:
    late = services.clock.now() - 10 * settings.reap_every * 1000 - SLACK
    waiting = (await services.reaping.preview()).expired
    overdue = [due for due in waiting if due.expires_at is not None and due.expires_at < late]
    if overdue:
        return Finding(
            "sweeps",
            "warning",
            f"{len(overdue)} attachments should be gone: does a server run, or a `coatcheck sweep` from a timer?",
        )
    return Finding("sweeps", "ok", "nothing is overdue")

"""What a deposit costs on PostgreSQL and S3, with one node and with two, beside the default: `python -m bench.nodes`.

The figures of docs/when-to-leave-sqlite.md. Database and store are those of the tests, with their data on the disk of
the temporary directory (TMPDIR), and as durable as they can be.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.load import wrk
from bench.machine import machine
from bench.peers.peer import Upload
from bench.processes import program
from tests.e2e.server import Server, running_server
from tests.engines.postgres import Postgres
from tests.engines.seaweed import own_weed

KIB, MIB = 1024, 1024 * 1024
ROUNDS = 3
NEVER = str(86_400)
PATH = "/coatcheck/v1/attachments"

#: Of PostgreSQL: such as anybody would give it first.
ORDINARY = {"shared_buffers": "256MB", "max_wal_size": "1GB", "autovacuum": "on"}


@dataclass(frozen=True)
class Site:
    name: str
    servers: Sequence[Server]
    #: Processes by what they are, to be asked for their time.
    pids: Callable[[], dict[str, list[int]]]

    def cpu(self) -> dict[str, float]:
        return {what: sum(map(_seconds, pids)) for what, pids in self.pids().items()}


def small(site: Site, *, connections: int, seconds: float) -> tuple[float, float]:
    """Deposits of 10 KiB: how many, and in how many seconds. The connections are shared out to the nodes."""
    share = max(1, connections // 2)

    def one(n: int) -> wrk.Load:
        server = site.servers[n % len(site.servers)]
        how = Upload(path=PATH, headers=server.headers())
        return wrk.run(
            server.url,
            "deposits.lua",
            wrk.depositing(how, 10 * KIB),
            connections=share,
            seconds=seconds,
        )

    count = 2 if connections > 1 else 1
    with ThreadPoolExecutor(count) as pool:
        loads = list(pool.map(one, range(count)))
    assert not any(load.refused for load in loads), loads
    return sum(load.answered for load in loads), max(load.seconds for load in loads)


def large(site: Site, file: Path, *, count: int = 12, lanes: int = 4) -> tuple[float, float]:
    """Deposits of 16 MiB by curl, to the nodes in turn."""

    def one(n: int) -> None:
        server = site.servers[n % len(site.servers)]
        header = f"Authorization: {server.headers()['Authorization']}"
        command = [program("curl"), "-sSf", "-o", "/dev/null", "-H", header, "-H", "Expect:"]
        subprocess.run([*command, "--data-binary", f"@{file}", server.url + PATH], check=True)

    began = time.perf_counter()
    with ThreadPoolExecutor(lanes) as pool:
        list(pool.map(one, range(count)))
    return count, time.perf_counter() - began


@contextmanager
def sites(home: Path) -> Iterator[list[Site]]:
    quiet = {"COATCHECK_RATE_LIMITS": "off", "COATCHECK_REAP_EVERY": NEVER}
    with ExitStack() as stack:
        (home / "postgres").mkdir(mode=0o700)
        home.chmod(0o755)
        database = Postgres(home / "postgres", **ORDINARY)
        database.start()
        stack.callback(database.kill)
        database.make_template()
        weed = stack.enter_context(own_weed(home / "weed"))
        alone = stack.enter_context(running_server(home / "alone", env=quiet))
        shared = {
            "COATCHECK_DATABASE_URL": database.make("bench", "coatcheck_template"),
            "COATCHECK_BLOBS_URL": weed.url("bench"),
        }
        nodes = [
            stack.enter_context(running_server(home / f"node{n}", env=quiet | shared))
            for n in (1, 2)
        ]

        def beside() -> dict[str, list[int]]:
            assert database.process is not None
            return {"database": _family(database.process.pid), "store": [weed.pid]}

        yield [
            Site("default", [alone], lambda: {"nodes": alone.pids()}),
            Site("one node", nodes[:1], lambda: {"nodes": nodes[0].pids(), **beside()}),
            Site(
                "two nodes",
                nodes,
                lambda: {"nodes": [pid for each in nodes for pid in each.pids()], **beside()},
            ),
        ]


def _family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def _seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """So that `--help`, or a slip of the pen, does not begin minutes of load."""
    parser = argparse.ArgumentParser(prog="python -m bench.nodes", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, metavar="N", help="after one to warm up (%(default)s)"
    )
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds has to be 1 or more")
    return options


def main(home: Path, rounds: int) -> None:
    file = home / "16MiB"
    file.write_bytes(bytes(range(256)) * (16 * MIB // 256))
    loads: dict[str, Callable[[Site], tuple[float, float]]] = {
        "10 KiB, 32 connections": lambda site: small(site, connections=32, seconds=4),
        "10 KiB, 1 connection": lambda site: small(site, connections=1, seconds=2),
        "16 MiB, 4 connections": lambda site: large(site, file),
    }
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    with sites(home) as compared:
        for number in range(rounds + 1):
            for load, run in loads.items():
                for site in compared:
                    before = site.cpu()
                    count, seconds = run(site)
                    if number == 0:
                        continue  # warming up
                    found[load, site.name, "a second"].append(count / seconds)
                    for what, used in site.cpu().items():
                        spent = (used - before[what]) / count * 1000
                        found[load, site.name, f"CPU ms of {what}"].append(spent)
    print(machine())
    for (load, name, what), samples in found.items():
        print(f"{load:24} {name:10} {what:18} {statistics.median(samples):10.2f}", end="")
        base = found.get((load, "one node" if name == "two nodes" else "default", what), samples)
        ratios = [a / b for a, b in zip(samples, base, strict=True) if b]
        print(f"   × {statistics.median(ratios):.2f}" if base is not samples and ratios else "")


if __name__ == "__main__":
    options = parsed()
    with tempfile.TemporaryDirectory(prefix="coatcheck-nodes-") as directory:
        main(Path(directory), options.rounds)

"""The power is cut: whatever was acknowledged is there when the machine has started again.

With facts and bytes on one disk, and on two: what one file system writes when it syncs a database can hide that a file
beside it was never synced.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash import disks
from tests.crash.power import Rig
from tests.crash.zygote import Zygote, zygote

pytestmark = [pytest.mark.sqlite, pytest.mark.folder]

#: Of one server. More make what a cut has to be looked through for longer and longer.
AT_ONCE = 10
THOROUGH = 50

ARRANGEMENTS = [(kind, apart) for kind in ("ext4", "xfs", "btrfs") for apart in (False, True)]


@contextmanager
def rig(nursery: Zygote, tmp_path: Path, kind: str, apart: bool) -> Iterator[Rig]:
    disks.required(kind)
    with disks.place_for_images() as images:
        yield Rig(nursery, tmp_path / "data", images, kind, apart)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Zygote]:
    disks.required("ext4")
    with zygote() as running:
        yield running


async def all_hold(tried: Rig, count: int) -> None:
    cuts = await tried.cuts(count)
    assert len(cuts[-1].promises.kept) > 5
    for number, cut in enumerate(cuts):
        assert await tried.broken_after(cut) == [], f"cut {number}"
        cut.machine.scrapped()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("apart", [False, True])
async def test_what_was_acknowledged_outlives_a_power_cut(
    apart: bool, nursery: Zygote, tmp_path: Path
):
    with rig(nursery, tmp_path, "ext4", apart) as tried:
        await all_hold(tried, 1)


@pytest.mark.thorough
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("kind", "apart"), ARRANGEMENTS)
async def test_what_was_acknowledged_outlives_every_power_cut(
    kind: str, apart: bool, nursery: Zygote, tmp_path: Path
):
    with rig(nursery, tmp_path, kind, apart) as tried:
        for _ in range(THOROUGH // AT_ONCE):
            await all_hold(tried, AT_ONCE)
        print(f"{kind}, apart {apart}: {THOROUGH} cuts, {tried.acknowledged} deeds acknowledged")


@pytest.mark.thorough
async def test_after_a_power_cut_the_command_finds_nothing_wrong(nursery: Zygote, tmp_path: Path):
    with rig(nursery, tmp_path, "ext4", apart=True) as tried:
        (cut,) = await tried.cuts(1)
        with cut.machine.running(tried.at) as data_dir:
            ran = subprocess.run(
                [sys.executable, "-m", "coatcheck", "fsck", "--rehash"],
                env=os.environ | {"COATCHECK_DATA_DIR": str(data_dir)},
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert (ran.returncode, ran.stdout) == (0, "All is well.\n"), ran.stderr


@pytest.mark.thorough
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
@pytest.mark.parametrize("forgotten", ["file", "directory", "commit"])
async def test_without_one_of_the_syncs_something_acknowledged_is_lost(
    forgotten: str, kind: str, tmp_path: Path
):
    disks.required(kind)
    with (
        zygote("tests.crash.forgetful", forgotten) as forgetful,
        rig(forgetful, tmp_path, kind, apart=True) as tried,
    ):
        cuts = await tried.cut_after_each(3)
        broken = [len(await tried.broken_after(cut)) for cut in cuts]
        promised = [len(cut.promises.kept) for cut in cuts]
        print(f"{kind} without {forgotten}: {broken} of {promised} promises broken")
        assert any(broken)

"""Which file system a path lies on, by the lines that Linux tells of its mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from coatcheck.host import network_file_system, this_host

MOUNTS = r"""22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:21 / /proc rw,nosuid shared:5 - proc proc rw
40 22 0:40 / /mnt rw shared:9 - nfs4 server:/export rw,vers=4.2
41 40 254:2 / /mnt/local rw - xfs /dev/vdb rw
42 22 0:42 / /srv/with\040space rw - cifs //server/share rw
43 22 254:3 / /over rw - ext4 /dev/vdc rw
44 43 0:44 / /over rw master:3 - fuse.sshfs user@host: rw
45 22 0:45 / /windows rw - 9p C:\134 rw
a line that means nothing
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/coatcheck.db", None),
        ("/mnt/coatcheck.db", "nfs4"),
        ("/mnt/deeper/than/anything/coatcheck.db", "nfs4"),
        ("/mnt/local/coatcheck.db", None),
        ("/mntx/coatcheck.db", None),
        ("/srv/with space/coatcheck.db", "cifs"),
        ("/over/coatcheck.db", "fuse.sshfs"),
        ("/windows/coatcheck.db", "9p"),
    ],
)
def test_the_innermost_and_newest_mount_counts(path: str, kind: str | None):
    assert network_file_system(Path(path), MOUNTS) == kind


def test_the_disk_of_a_sandbox_is_its_own():
    mounts = MOUNTS.replace(" - ext4 /dev/vda1", " - 9p none")
    assert network_file_system(Path("/data/coatcheck.db"), mounts) is None
    assert network_file_system(Path("/windows/coatcheck.db"), mounts) is None
    assert network_file_system(Path("/mnt/coatcheck.db"), mounts) == "nfs4"


def test_a_link_is_followed(tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "there")
    mounts = f"1 0 0:1 / {tmp_path}/there rw - nfs4 server:/ rw\n"
    assert network_file_system(tmp_path / "here" / "coatcheck.db", mounts) == "nfs4"


def test_where_the_system_tells_nothing_nothing_is_believed(tmp_path: Path):
    assert network_file_system(tmp_path, "") is None


def test_this_host_is_the_same_each_time():
    assert this_host() == this_host()
    assert this_host().boot

"""Which machine this is, and on which file system a path of it lies, as far as the system tells."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

#: File systems that several machines can have mounted at once, and whose locks and caches are no ground for a database.
NETWORK = frozenset(
    "9p afs beegfs ceph cifs davfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs smb3 smbfs"
    " fuse.ceph fuse.cephfs fuse.davfs2 fuse.gcsfuse fuse.glusterfs fuse.juicefs fuse.mfs fuse.rclone"
    " fuse.s3fs fuse.seaweedfs fuse.sshfs fuse.weed".split()
)

_MOUNTS = Path("/proc/self/mountinfo")
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MACHINE = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """`boot` is the same for all that run under one kernel, containers too, and new after a restart of the machine;
    `machine` outlives that.
    """

    name: str
    boot: str
    machine: str


def this_host() -> Host:
    name = socket.gethostname()
    boot = _text(_BOOT) or name
    return Host(name=name, boot=boot, machine=_text(_MACHINE) or name)


def network_file_system(path: Path, mounts: str | None = None) -> str | None:
    """The kind of network file system that the path lies on, or will; None for a local one, or where nobody knows.

    `mounts` are the lines of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
    """
    place = path.resolve()
    kind, longest, root = None, -1, None
    for line in (_text(_MOUNTS) if mounts is None else mounts).splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if len(fields) < 5 or not rest:
            continue
        point = Path(_unescaped(fields[4]))
        if point == Path("/"):
            root = rest[0]
        # Of two on one point, the later one hides the other.
        if place.is_relative_to(point) and len(point.parts) >= longest:
            kind, longest = rest[0], len(point.parts)
    if kind == "9p" == root:  # a sandbox, whose whole disk comes that way, to it alone
        return None
    return kind if kind in NETWORK else None


def _unescaped(field: str) -> str:
    for escaped, plain in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        field = field.replace(escaped, plain)
    return field


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError:
        return ""

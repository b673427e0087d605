"""How many files and connections this process has open, of as many as it may."""

from __future__ import annotations

import os
import resource


def count_open() -> int:
    """Raises OSError where the system does not tell."""
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 - one system call a hundred of them, and no paths


def share_open() -> float:
    """0 to 1; 0 where there is no limit, or the system does not tell."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return 0.0
    try:
        return count_open() / most
    except OSError:
        return 0.0

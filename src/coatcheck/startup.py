"""What is made at a start stays until the end; the garbage collector need not look through it again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """No collections while the block imports and builds; afterwards what there is lies outside of all later ones.

    An app is some 200 000 objects. Looking through them during the build is a fifth of its time, and later each full
    collection would hold the event loop for as long. Workers that are forked share pages that nobody touches.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()

"""Checking: whether all that an installation has on record, and in its store, adds up. One rule, one module.

Servers may run meanwhile: whatever looks wrong is looked at again a moment later, and told only if it still is.
"""

from __future__ import annotations

from coatcheck.services.checking.checking import Checking

__all__ = ["Checking"]

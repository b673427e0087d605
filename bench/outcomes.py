"""Why a row has no figure."""

from __future__ import annotations


class Skipped(Exception):
    """Something that the row needs is not here; says what."""


class Failed(Exception):
    """It was all here and did not work; says how."""

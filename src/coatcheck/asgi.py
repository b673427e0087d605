"""For any ASGI server: `coatcheck.asgi:create_app`, a factory. Importing it does nothing."""

from __future__ import annotations

from coatcheck.bootstrap import create_app

__all__ = ["create_app"]

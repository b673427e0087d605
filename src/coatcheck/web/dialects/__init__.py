"""The dialects. To add one: a module that ends in `DIALECT = Dialect(…)`, and a line here."""

from __future__ import annotations

from importlib import import_module

from coatcheck.web.dialect import Dialect

#: name -> module
DIALECTS: dict[str, str] = {
    "chat": "coatcheck.web.dialects.chat",
    "attachfast": "coatcheck.web.dialects.attachfast",
    "campr": "coatcheck.web.dialects.campr",
    "native": "coatcheck.web.dialects.native",
    "openproject": "coatcheck.web.dialects.openproject",
    "tracker": "coatcheck.web.dialects.tracker",
}

#: Those whose attachments wait for ever: nobody has to claim what is left through them.
LASTING = frozenset({"chat"})


def load(name: str) -> Dialect:
    """Raises ValueError for a name that nobody has."""
    if name not in DIALECTS:
        raise ValueError(f"there is no dialect {name!r}; known are: {', '.join(sorted(DIALECTS))}")
    dialect: Dialect = import_module(DIALECTS[name]).DIALECT
    return dialect

"""Coatcheck: a self-hosted server for detached attachments."""

from importlib.metadata import version

__version__ = version("coatcheck")

"""The page on operations tells every command and every option."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from coatcheck.cli import app
from coatcheck.settings import Settings

PAGE = (Path(__file__).parent.parent.parent / "docs" / "operations.md").read_text(encoding="utf-8")


def commands(group: Any, name: str) -> dict[str, set[str]]:
    """name -> long options, of every command below the group."""
    if not hasattr(group, "commands"):
        return {
            name: {
                option
                for parameter in group.params
                for option in parameter.opts
                if option.startswith("--") and option != "--help"
            }
        }
    found: dict[str, set[str]] = {}
    for each, command in group.commands.items():
        found |= commands(command, f"{name} {each}")
    return found


def test_every_command_is_in_the_table_with_all_its_options() -> None:
    told = dict(re.findall(r"^\| `(coatcheck [a-z]+(?: [a-z]+)?)([^`]*)`", PAGE, re.MULTILINE))
    for name, options in commands(typer.main.get_command(app), "coatcheck").items():
        assert name in told, f"docs/operations.md does not tell `{name}`"
        assert set(re.findall(r"--[a-z-]+", told[name])) == options, name


def test_every_setting_that_the_page_names_exists() -> None:
    named = set(re.findall(r"COATCHECK_[A-Z_]*[A-Z]", PAGE))
    assert named <= {f"COATCHECK_{field.upper()}" for field in Settings.model_fields}

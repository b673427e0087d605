"""`python -m bench.nodes` begins nothing by mistake."""

from __future__ import annotations

import pytest

from bench.nodes import ROUNDS, parsed


@pytest.mark.parametrize("arguments", [["--help"], ["nonsense"], ["--rounds", "0"]])
def test_what_asks_for_help_or_is_no_option_begins_no_load(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(arguments)
    assert ended.value.code == (0 if arguments == ["--help"] else 2)


def test_the_rounds_can_be_chosen() -> None:
    assert parsed([]).rounds == ROUNDS
    assert parsed(["--rounds", "1"]).rounds == 1

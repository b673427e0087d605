from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from coatcheck.domain import errors
from coatcheck.domain.errors import CoatcheckError
from coatcheck.web.problem import problem_of, status_of

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, CoatcheckError) and kind.__module__ == errors.__name__
]


def drawn() -> dict[str, str | None]:
    """Each class in the drawing of the docstring, with the one it hangs from."""
    parents: dict[str, str | None] = {}
    above: list[str] = []
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        found = re.match(r"((?:[│ ] {3})*(?:[├└]── )?)(\w+)(?:  .*)?$", line)
        if not found or (not found[1] and found[2] != CoatcheckError.__name__):
            continue
        depth = len(found[1]) // 4
        del above[depth:]
        parents[found[2]] = above[-1] if above else None
        above.append(found[2])
    return parents


def test_the_drawn_tree_is_the_tree_of_classes():
    real = {
        kind.__name__: None if kind is CoatcheckError else kind.__mro__[1].__name__
        for kind in CLASSES
    }
    assert drawn() == real


def test_codes_are_stable_words_and_no_two_classes_share_one():
    codes = [kind.code for kind in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_says_what_it_is(kind: type[CoatcheckError]):
    assert kind.summary.endswith(".")
    assert str(kind()) == kind.summary
    told = kind("Because.", limit=3)
    assert (str(told), told.detail, told.facts) == ("Because.", "Because.", {"limit": 3})
    if kind is not CoatcheckError:
        assert "code" in vars(kind)
        assert "summary" in vars(kind)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_has_a_status(kind: type[CoatcheckError]):
    status = status_of(kind)
    assert 400 <= status < 600
    facts: dict[str, Any] = {"size": 10} if kind is errors.RangeNotSatisfiable else {}
    assert problem_of(kind(**facts), {}).status == status
    assert problem_of(kind(**facts), {kind.code: 418}).status == 418


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if issubclass(kind, errors.Unavailable)])
def test_what_may_be_tried_again_later_is_a_failure_of_ours(kind: type[CoatcheckError]):
    assert status_of(kind) >= 500
    assert problem_of(kind(retry_after=7), {}).headers["Retry-After"] == "7"

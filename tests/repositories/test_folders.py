"""The tree stays a tree, and its closure says what the parents say."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from coatcheck.domain.errors import (
    BadName,
    CoatcheckError,
    Cycle,
    Invalid,
    NameTaken,
    NotEmpty,
    NotFound,
)
from coatcheck.domain.folder import MAX_DEPTH, Folder
from coatcheck.domain.principal import Principal
from tests import deeds
from tests.books import assert_books_balance
from tests.core import Core, core

NAMES = st.sampled_from(["a", "b", "c"])


class TreeMachine(RuleBasedStateMachine):
    """Random changes to a tree, next to a dictionary that says what it should be."""

    data_dir: Path
    folders = Bundle("folders")

    @initialize()
    def open(self) -> None:
        self.runner = asyncio.Runner()
        self.opened = core(self.data_dir)
        self.place = self.runner.run(self.opened.__aenter__())
        self.ann = self.runner.run(deeds.principal(self.place))
        self.model: dict[int, tuple[int | None, str]] = {}

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            assert_books_balance(self.place)
            self.runner.run(self.opened.__aexit__(None, None, None))
            self.runner.close()
            for path in [*self.data_dir.glob("coatcheck.db*"), *self.data_dir.glob("*.url")]:
                path.unlink()

    def attempt(self, work: Any, allowed: type[CoatcheckError] | None) -> Any:
        """What it returns, or None when it fails as the model says it has to."""
        if allowed is None:
            return self.runner.run(work)
        with pytest.raises(allowed):
            self.runner.run(work)
        return None

    def taken(self, parent: int | None, name: str, but: int | None = None) -> bool:
        return any(place == (parent, name) and id != but for id, place in self.model.items())

    def ancestors(self, folder: int | None) -> Iterator[int]:
        while folder is not None:
            yield folder
            folder = self.model[folder][0]

    @rule(target=folders, parent=st.none() | folders, name=NAMES)
    def create(self, parent: int | None, name: str) -> int:
        error: type[CoatcheckError] | None = None
        if parent is not None and parent not in self.model:
            error = Invalid
        elif self.taken(parent, name):
            error = NameTaken
        made = self.attempt(self.place.services.folders.create(self.ann, name, parent), error)
        if made is None:
            return -1
        assert isinstance(made, Folder)
        self.model[made.id] = parent, name
        return made.id

    @rule(folder=folders, parent=st.none() | folders)
    def move(self, folder: int, parent: int | None) -> None:
        error: type[CoatcheckError] | None = None
        if folder not in self.model:
            error = NotFound
        elif parent != self.model[folder][0]:
            if parent is not None and parent not in self.model:
                error = Invalid
            elif folder in self.ancestors(parent):
                error = Cycle
            elif self.taken(parent, self.model[folder][1], folder):
                error = NameTaken
        if self.attempt(
            self.place.services.folders.change(self.ann, folder, parent_id=parent), error
        ):
            self.model[folder] = parent, self.model[folder][1]

    @rule(folder=folders, name=NAMES)
    def rename(self, folder: int, name: str) -> None:
        error: type[CoatcheckError] | None = None
        if folder not in self.model:
            error = NotFound
        elif self.taken(self.model[folder][0], name, folder):
            error = NameTaken
        if self.attempt(self.place.services.folders.change(self.ann, folder, name=name), error):
            self.model[folder] = self.model[folder][0], name

    @rule(folder=folders)
    def delete(self, folder: int) -> None:
        error: type[CoatcheckError] | None = None
        if folder not in self.model:
            error = NotFound
        elif any(parent == folder for parent, _ in self.model.values()):
            error = NotEmpty
        self.attempt(self.place.services.folders.delete(self.ann, folder), error)
        if error is None:
            del self.model[folder]

    @invariant()
    def the_tree_is_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        found = self.runner.run(self.place.services.folders.all(self.ann))
        assert {each.id: (each.parent_id, each.name) for each in found} == self.model
        for each in found:
            names = [self.model[id][1] for id in self.ancestors(each.id)]
            assert each.path == tuple(reversed(names))
            children = [id for id, (parent, _) in self.model.items() if parent == each.id]
            assert each.children_count == len(children)


def test_after_any_changes_the_tree_and_its_closure_are_what_they_should_be(tmp_path: Path):
    machine = type("Machine", (TreeMachine,), {"data_dir": tmp_path})
    machine.TestCase.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)  # type: ignore[attr-defined]
    machine.TestCase().runTest()  # type: ignore[attr-defined]


async def test_moves_at_once_make_no_cycle(place: Core, ann: Principal):
    folders = place.services.folders
    dice = random.Random(5)
    ids = [(await folders.create(ann, f"f{n}", None)).id for n in range(8)]
    for _ in range(12):
        moves = [
            folders.change(ann, dice.choice(ids), parent_id=dice.choice([None, *ids]))
            for _ in range(8)
        ]
        for each in await asyncio.gather(*moves, return_exceptions=True):
            assert isinstance(each, Folder | Cycle | NameTaken), each
    assert_books_balance(place, settled=True)


async def test_folders_of_one_name_made_at_once_are_one(place: Core, ann: Principal):
    outcomes = await asyncio.gather(
        *(place.services.folders.create(ann, "same", None) for _ in range(8)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Folder"] + ["NameTaken"] * 7
    assert_books_balance(place, settled=True)


async def test_a_deposit_into_a_folder_and_its_deletion_at_once_leave_no_hole(
    place: Core, ann: Principal
):
    for n in range(15):
        folder = await place.services.folders.create(ann, f"f{n}", None)
        await asyncio.gather(
            deeds.file_away(place, ann, b"x", f"f{n}/a.txt"),
            place.services.folders.delete(ann, folder.id),
            return_exceptions=True,
        )
    assert_books_balance(place, settled=True)
    names = [each.path for each in await place.services.folders.all(ann)]
    assert sorted(names) == sorted((f"f{n}",) for n in range(15))


async def test_a_tree_is_as_deep_as_it_may_be_and_no_deeper(place: Core, ann: Principal):
    folders = place.services.folders
    chain: list[Folder] = []
    for n in range(MAX_DEPTH):
        chain.append(await folders.create(ann, f"f{n}", chain[-1].id if chain else None))
    with pytest.raises(BadName):
        await folders.create(ann, "too deep", chain[-1].id)
    other = await folders.create(ann, "other", None)
    await folders.create(ann, "child", other.id)
    with pytest.raises(BadName):
        await folders.change(ann, other.id, parent_id=chain[-2].id)
    moved = await folders.change(ann, other.id, parent_id=chain[-3].id)
    assert len(moved.path) == MAX_DEPTH - 1
    assert_books_balance(place, settled=True)


async def test_a_tree_is_its_tenants_own(place: Core, ann: Principal):
    eve = await deeds.principal(place, tenant="evil", login="eve")
    mine = await place.services.folders.create(ann, "a", None)
    assert await place.services.folders.all(eve) == []
    with pytest.raises(NotFound):
        await place.services.folders.change(eve, mine.id, name="b")
    with pytest.raises(NotFound):
        await place.services.folders.delete(eve, mine.id)
    with pytest.raises(Invalid):
        await place.services.folders.create(eve, "b", mine.id)
    assert (await place.services.folders.create(eve, "a", None)).id != mine.id


async def test_a_folder_with_an_attachment_is_not_deleted(place: Core, ann: Principal):
    made = await deeds.file_away(place, ann, b"x", "a/b.txt")
    assert made.folder_id
    with pytest.raises(NotEmpty) as caught:
        await place.services.folders.delete(ann, made.folder_id)
    assert caught.value.facts == {"holds": "attachments"}
    assert (await place.services.folders.get(ann, made.folder_id)).attachments_count == 1

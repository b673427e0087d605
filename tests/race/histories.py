"""What each process asked for and was told, written down as it happens: a kill leaves what was known by then."""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from coatcheck.domain.claim import ById
from coatcheck.domain.errors import AlreadyClaimed, CoatcheckError, NotFound
from tests.race.linearizable import ABSENT, UNKNOWN, Deed, is_linearizable

#: Attachments by their ids, and what one deed was told of each.
Told = dict[int, str]


class History:
    """One process's. Lines of JSON: of each deed when it begins, and when its answer is there."""

    def __init__(self, data_dir: Path, name: object) -> None:
        self._file = (data_dir / f"history.{name}").open("a")
        self._count = 0

    @contextmanager
    def of(self, what: str, ids: Iterable[int], container: str = "") -> Iterator[Told]:
        """Around a deed, which is told "ok" of all of them unless it says otherwise; also of those that it adds. Of an
        error that names none of them nothing is known, but that it changed nothing.
        """
        deed, told = self._count, dict.fromkeys(ids, "ok")
        self._count += 1
        self._write({"deed": deed, "what": what, "ids": [*told], "container": container})
        try:
            yield told
        except (AlreadyClaimed, NotFound) as error:
            self._write({"deed": deed, "told": _refused(error, [*told])})
            raise
        self._write({"deed": deed, "told": told})

    def _write(self, line: dict[str, object]) -> None:
        # The same clock in every process of this machine.
        self._file.write(json.dumps(line | {"at": time.monotonic()}) + "\n")
        self._file.flush()


def _refused(error: CoatcheckError, ids: list[int]) -> Told:
    """Of several attachments an error names those that were in the way."""
    refusals = error.facts.get("refusals")
    if refusals is None:
        return dict.fromkeys(ids, "gone") if len(ids) == 1 else {}
    return {
        name.id: "claimed" if reason == "claimed" else "gone"
        for name, reason in refusals
        if isinstance(name, ById)
    }


def deeds_in(data_dir: Path) -> dict[int, list[Deed]]:
    """All that was done to each attachment, by whichever process."""
    found: dict[int, list[Deed]] = defaultdict(list)
    for path in data_dir.glob("history.*"):
        lines = [
            json.loads(line)
            for line in path.read_text().splitlines(keepends=True)
            if line.endswith("\n")
        ]
        ends = {line["deed"]: line for line in lines if "told" in line}
        for line in lines:
            if "what" not in line:
                continue
            end = ends.get(line["deed"])
            answers = dict.fromkeys(line["ids"], UNKNOWN) if end is None else end["told"]
            for id, told in answers.items():
                if told == UNKNOWN and line["what"] == "read":
                    continue
                ended = math.inf if end is None else end["at"]
                deed = Deed(line["what"], line["at"], ended, told, line["container"])
                found[int(id)].append(deed)
    return found


def assert_linearizable(data_dir: Path, begun: dict[int, str]) -> int:
    """`begun`: the states before, of those that were there. How many deeds there were."""
    found = deeds_in(data_dir)
    for id, deeds in found.items():
        assert is_linearizable(deeds, begun.get(id, ABSENT)), (id, begun.get(id), deeds)
    return sum(map(len, found.values()))

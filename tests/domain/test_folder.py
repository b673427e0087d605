from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coatcheck.domain.folder import Filing

NAMES = st.text(st.characters(exclude_characters="/"), min_size=1, max_size=8)


@given(st.lists(NAMES, max_size=4), NAMES)
def test_a_filing_is_known_again_by_its_token(folders: list[str], base: str):
    filing = Filing(folders=tuple(folders), base=base)
    assert Filing.at(filing.token) == filing


def test_a_token_is_the_path():
    assert Filing(folders=("a", "b"), base="c.png").token == "a/b/c.png"
    assert Filing(folders=(), base="c.png").token == "c.png"

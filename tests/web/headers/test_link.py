"""Link."""

from hypothesis import given
from hypothesis import strategies as st

from coatcheck.web.headers.link import Link


def test_a_link_names_its_relation() -> None:
    link = Link(
        "https://h.example/attachments?page=a%2Bb&limit=50", "https://campr.me/rels/next-page"
    )
    assert str(link) == (
        '<https://h.example/attachments?page=a%2Bb&limit=50>; rel="https://campr.me/rels/next-page"'
    )


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_url_ends_the_link_early(text: str) -> None:
    field = str(Link(text, "next"))
    assert field.isascii()
    assert field.isprintable()
    assert field.index(">") == len(field) - len('>; rel="next"')

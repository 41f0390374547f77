from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.domain.search import MAX_RANGES, SearchQuery, fold, words_from_text
from p2pd.errors import InvalidInputError


@pytest.mark.parametrize(
    ("query", "text", "parts"),
    [
        ("bee", "A Bee and bees", ["Bee", "bee"]),
        ("bee wing", "wings of a bee", ["wing", "bee"]),
        ("STRASSE", "die Straße", ["Straße"]),
        ("蜂", "蜜蜂と蜂", ["蜂", "蜂"]),
        ("привет", "ПРИВЕТ мир", ["ПРИВЕТ"]),
        ("bee bee", "bee", ["bee"]),
        ("bee", "be e", []),
        ("bee ant", "bee", []),
        ('"bee"', "bee", []),
        ("a*", "aa", []),
        ("a\0b", "a b", ["a", "b"]),
    ],
)
def test_all_words_are_found_in_whatever_case(query: str, text: str, parts: list[str]) -> None:
    ranges = SearchQuery(words_from_text(query)).ranges_in(text)
    assert [text[one.begin : one.end] for one in ranges] == parts


@given(st.text(), st.text(min_size=1))
def test_a_range_is_in_the_text_and_folds_to_a_word(text: str, query: str) -> None:
    if not fold(query).split():
        return
    found = SearchQuery(words_from_text(query[:40]) if fold(query[:40]).split() else ("x",))
    for one in found.ranges_in(text):
        assert 0 <= one.begin < one.end <= len(text)
        assert any(word in fold(text[one.begin : one.end]) for word in found.words)


def test_ranges_of_one_message_are_bounded() -> None:
    assert len(SearchQuery(("a",)).ranges_in("a" * 10_000)) == MAX_RANGES


@pytest.mark.parametrize("query", ["", "  \n", "\0", "x" * 513, " ".join(map(str, range(17)))])
def test_a_query_without_words_or_with_too_many_is_refused(query: str) -> None:
    with pytest.raises(InvalidInputError):
        words_from_text(query)

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from p2pd.domain.cursors import Cursor, cursor_from_text, new_epoch


@given(offset=st.integers(0, 2**63))
def test_a_cursor_survives_being_written(offset: int) -> None:
    cursor = Cursor(new_epoch(), offset)
    assert cursor_from_text(str(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "1", "0123456-1", "012345678-1", "01234567-", "01234567-G"])
def test_what_cannot_be_a_cursor_is_none(text: str) -> None:
    assert cursor_from_text(text) is None

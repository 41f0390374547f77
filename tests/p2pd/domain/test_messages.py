from __future__ import annotations

from dataclasses import replace

import pytest

from p2pd.domain.messages import send_time_from_seqno
from tests.p2pd.facts import NOW_NS, make_message

MINUTE_NS = 60 * 10**9
DAY_NS = 24 * 3600 * 10**9


@pytest.mark.parametrize(
    ("seqno", "expected"),
    [
        (NOW_NS, NOW_NS),
        (NOW_NS - 30 * DAY_NS, NOW_NS - 30 * DAY_NS),
        (NOW_NS - 30 * DAY_NS - 1, None),
        (1_625_000_000_000_000_000, None),
        (NOW_NS + 5 * MINUTE_NS, NOW_NS + 5 * MINUTE_NS),
        (NOW_NS + 5 * MINUTE_NS + 1, None),
        (2_208_988_800 * 10**9, None),
        (0, None),
        (1, None),
        (NOW_NS // 10**9, None),
        (2**64 - 1, None),
    ],
)
def test_a_sequence_number_is_a_clock_only_where_plausible(
    seqno: int, expected: int | None
) -> None:
    assert send_time_from_seqno(seqno, NOW_NS) == expected


def test_text_is_absent_where_the_bytes_are_no_utf8() -> None:
    message = make_message(1)
    assert replace(message, data="grüße".encode()).text == "grüße"
    assert replace(message, data=b"\xff\xfe").text is None

from __future__ import annotations

from dataclasses import replace

import pytest

from p2pd.domain.message_ages import MAX_AGE_S, MessageAges
from p2pd.domain.messages import Delivery
from tests.p2pd.facts import NOW_NS, make_message

SECOND_NS = 10**9


@pytest.mark.parametrize(
    ("seqno", "total_s", "doubt"),
    [
        (NOW_NS - SECOND_NS // 2, 0.5, None),
        (NOW_NS, 0.0, None),
        (NOW_NS + 1, 0.0, "ahead"),
        (NOW_NS - int(MAX_AGE_S + 1) * SECOND_NS, 0.0, "behind"),
        (17, 0.0, "no_time"),
    ],
)
def test_an_age_that_an_authors_clock_makes_impossible_is_counted_apart(
    seqno: int, total_s: float, doubt: str | None
) -> None:
    ages = MessageAges()
    ages.observe(replace(make_message(1), seqno=seqno, receive_time_ns=NOW_NS))
    value = ages.value()
    assert value.ages.total == total_s
    assert sum(value.ages.counts) == (doubt is None)
    assert [clock for clock, count in value.doubtful if count] == ([doubt] if doubt else [])


def test_what_synchronisation_fetched_has_no_age() -> None:
    ages = MessageAges()
    ages.observe(replace(make_message(1), delivery=Delivery.BACKFILLED))
    assert ages.value() == MessageAges().value()

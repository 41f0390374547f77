"""Addresses are counted by what one subscriber may fill, wherever they are counted."""

from __future__ import annotations

import pytest

from p2pd.net.subscribers import subscriber_of


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:0:1200::1", "2001:db8:0:12ff::2", True),
        ("2001:db8:0:1200::1", "2001:db8:0:1300::1", False),
        ("11.0.0.1", "11.0.0.2", False),
        ("11.0.0.1", "::ffff:11.0.0.1", True),
        ("fe80::1%eth0", "fe80::2%eth0", False),
        ("relay a", "relay b", False),
    ],
)
def test_subscribers_are_told_apart(one: str, other: str, is_same: bool) -> None:
    assert (subscriber_of(one) == subscriber_of(other)) is is_same

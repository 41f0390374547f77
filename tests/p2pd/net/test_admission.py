"""Who may connect, however a peer spreads its connections."""

from __future__ import annotations

from contextlib import ExitStack
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.admission import ConnectionLimits, InboundAdmission

LIMITS = ConnectionLimits(total=40, inbound=30, per_ipv4=4, per_ipv6_prefix=6)


def admission_with(rejections: Rejections, others: int = 0) -> InboundAdmission:
    return InboundAdmission(LIMITS, rejections, lambda: others)


def admitted(admission: InboundAdmission, hosts: list[str]) -> int:
    with ExitStack() as held:
        return sum(held.enter_context(admission.place_for(host)) for host in hosts)


@given(st.lists(st.integers(0, (1 << 72) - 1), min_size=7, max_size=20, unique=True))
def test_household_of_ipv6_is_one_however_many_addresses_it_takes(suffixes: list[int]) -> None:
    prefix = int(IPv6Address("2001:db8:1:200::"))
    rejections = Rejections()
    hosts = [str(IPv6Address(prefix | suffix)) for suffix in suffixes]
    assert admitted(admission_with(rejections), hosts) == LIMITS.per_ipv6_prefix
    assert (
        rejections.totals[RejectionReason.CONNECTIONS_PER_ADDRESS]
        == len(hosts) - LIMITS.per_ipv6_prefix
    )


@given(st.data())
def test_places_are_given_back(data: st.DataObject) -> None:
    """In whatever order connections end."""
    rejections = Rejections()
    admission = admission_with(rejections)
    host = st.sampled_from(["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "2001:db8::1", "relay"])
    held: list[ExitStack] = []
    for is_opened in data.draw(st.lists(st.booleans(), max_size=60)):
        if is_opened:
            stack = ExitStack()
            stack.enter_context(admission.place_for(data.draw(host)))
            held.append(stack)
        elif held:
            held.pop(data.draw(st.integers(0, len(held) - 1))).close()
    for stack in held:
        stack.close()
    assert admitted(admission, ["192.0.2.1"] * 9) == LIMITS.per_ipv4
    assert admitted(admission, ["::ffff:192.0.2.1"] * 9) == LIMITS.per_ipv4


def test_neighbours_on_a_link_are_counted_one_by_one() -> None:
    neighbours = [f"fe80::{number}" for number in range(1, 20)]
    assert admitted(admission_with(Rejections()), neighbours) == len(neighbours)


@pytest.mark.parametrize(
    ("others", "reason", "places"),
    [(0, "connections_inbound", LIMITS.inbound), (LIMITS.total, "connections_total", 0)],
)
def test_bounds_of_all_hold_for_many_addresses(others: int, reason: str, places: int) -> None:
    rejections = Rejections()
    hosts = [f"192.0.2.{number}" for number in range(60)]
    assert admitted(admission_with(rejections, others), hosts) == places
    assert rejections.totals[RejectionReason(reason)] == len(hosts) - places


def test_a_whole_company_may_share_an_address_by_default() -> None:
    admission = InboundAdmission(ConnectionLimits(), Rejections(), lambda: 0)
    assert admitted(admission, ["127.0.0.1"] * 300) == 256

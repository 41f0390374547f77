"""Which connections make room, and which never do."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libp2p.peer.id import ID

from p2pd.domain.rejections import RejectionReason
from p2pd.net.connections.trimmer import TrimRules
from p2pd.net.connections.usefulness import IDLE_STEP_S, Usefulness, least_useful
from tests.p2pd.net.connections.listener import connected_node
from tests.upstream.stacks import STOCK, connect
from tests.upstream.waiting import wait_seen

GRACE_S = 30.0
seconds = st.floats(0, 1000, allow_nan=False)
usefulnesses = st.lists(
    st.builds(
        Usefulness,
        connection=st.integers(),
        is_protected=st.booleans(),
        shares_room=st.booleans(),
        is_inbound=st.booleans(),
        idle_s=seconds,
        age_s=seconds,
    ),
    max_size=60,
)


@given(usefulnesses, st.integers(-3, 70))
def test_only_what_nobody_needs_is_closed_and_no_more_than_asked(
    connections: list[Usefulness[int]], count: int
) -> None:
    chosen = least_useful(connections, count, GRACE_S)
    free = [
        each
        for each in connections
        if not (each.is_protected or each.shares_room or each.age_s < GRACE_S)
    ]
    assert len(chosen) == min(max(count, 0), len(free))
    assert all(each in free for each in chosen)


@given(usefulnesses, st.integers(0, 60))
def test_nothing_that_stays_was_of_less_use(connections: list[Usefulness[int]], count: int) -> None:
    chosen = least_useful(connections, count, GRACE_S)
    closed = {id(each) for each in chosen}
    stay = [
        each
        for each in connections
        if id(each) not in closed
        and not (each.is_protected or each.shares_room or each.age_s < GRACE_S)
    ]
    for gone in chosen:
        for other in stay:
            assert gone.idle_s > other.idle_s - IDLE_STEP_S
            if abs(gone.idle_s - other.idle_s) == 0:
                assert gone.is_inbound or not other.is_inbound


@pytest.mark.trio
async def test_crowd_of_strangers_makes_room_and_no_others() -> None:
    """Those of a room, of a tag and those that a caller named stay."""
    mates: set[ID] = set()
    rules = TrimRules(high_water=4, grace_s=0.0, interval_s=0.2)
    async with (
        connected_node(trim_rules=rules, is_room_mate=mates.__contains__) as node,
        AsyncExitStack() as stack,
    ):
        crowd = [await stack.enter_async_context(STOCK.host()) for _ in range(6)]
        mate, tagged, named, *strangers = crowd
        mates.add(mate.get_id())
        node.connections.protect(tagged.get_id(), "relay")
        for peer in (mate, tagged):
            await connect(peer, node.host)
        await node.connections.connect(f"{named.get_addrs()[0]}")
        for peer in strangers:
            await connect(peer, node.host)
        await wait_seen(lambda: node.rejections.totals[RejectionReason.CONNECTIONS_TRIMMED] >= 2)
        await wait_seen(lambda: len(node.connections.peers()) <= rules.high_water)
        assert {str(each.get_id()) for each in (mate, tagged, named)} <= {
            peer.peer_id for peer in node.connections.peers()
        }
        node.connections.unprotect(tagged.get_id(), "relay")
        assert not node.connections.is_protected(tagged.get_id())
        assert node.connections.is_protected(named.get_id())

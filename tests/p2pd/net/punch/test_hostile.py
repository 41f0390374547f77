"""What peers may do wrong in hole punching is counted, and ends nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
from libp2p.abc import INetConn
from libp2p.network.stream.exceptions import StreamError
from libp2p.protocol_muxer.exceptions import MultiselectClientError
from libp2p.relay.circuit_v2.pb.dcutr_pb2 import HolePunch
from multiaddr import Multiaddr

from p2pd.domain.reach import HolePunchResult
from p2pd.domain.rejections import RejectionReason
from p2pd.net.punch.outcomes import PunchOutcomes
from p2pd.net.punch.service import DCUTR, open_hole_punching
from p2pd.net.relay.service import RelayMode
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.opened import open_stream
from tests.p2pd.net.relay.nodes import RelayingNode, relaying_node
from tests.upstream.waiting import wait_seen

OBSERVED = Multiaddr("/ip4/11.0.0.1/tcp/4001")
LOOPBACK = Multiaddr("/ip4/127.0.0.1/tcp/4001")
"""Told to nobody, and dialled by nobody."""


@asynccontextmanager
async def two_behind_a_relay(
    *, is_on: bool = True
) -> AsyncIterator[tuple[RelayingNode, RelayingNode, PunchOutcomes]]:
    """Open a node behind a relay that punches holes, and a peer that may not."""
    async with (
        relaying_node(mode=RelayMode.ON, is_public=True) as relay,
        relaying_node(relays=[relay.address]) as node,
        relaying_node(relays=[relay.address]) as peer,
        open_hole_punching(node.host, lambda: [OBSERVED], node.rejections, is_on=True) as outcomes,
        open_hole_punching(peer.host, lambda: [], peer.rejections, is_on=is_on),
    ):
        yield node, peer, outcomes


async def dial_relayed(node: RelayingNode, peer: RelayingNode) -> INetConn:
    behind = await peer.wait_relayed_address()
    return await node.host.swarm.dial_addresses(peer.peer_id, [behind])


@pytest.mark.trio
async def test_peer_without_hole_punching_stays_relayed() -> None:
    async with two_behind_a_relay(is_on=False) as (node, peer, outcomes):
        await dial_relayed(peer, node)
        [outcome] = await wait_seen(lambda: outcomes.newest)
        assert (outcome.result, outcome.attempt_count) == (HolePunchResult.REFUSED, 3)
        assert outcome.is_initiator


@pytest.mark.trio
async def test_peer_with_loopback_addresses_only_stays_relayed() -> None:
    async with two_behind_a_relay() as (node, peer, outcomes):
        await dial_relayed(peer, node)
        [outcome] = await wait_seen(lambda: outcomes.newest)
        assert (outcome.result, outcome.attempt_count) == (HolePunchResult.NO_ADDRESSES, 3)
        assert outcome.round_trip_s is not None


@pytest.mark.trio
async def test_one_of_two_answers_where_both_have_dialled_the_other() -> None:
    """Each has accepted a relayed connection then, and so each is to begin."""
    async with (
        relaying_node(mode=RelayMode.ON, is_public=True) as relay,
        relaying_node(relays=[relay.address]) as a,
        relaying_node(relays=[relay.address]) as b,
        open_hole_punching(a.host, lambda: [LOOPBACK], a.rejections, is_on=True) as at_a,
        open_hole_punching(b.host, lambda: [LOOPBACK], b.rejections, is_on=True) as at_b,
    ):
        behind_a, behind_b = await a.wait_relayed_address(), await b.wait_relayed_address()
        async with trio.open_nursery() as dials:
            dials.start_soon(a.host.swarm.dial_addresses, b.peer_id, [behind_b])
            dials.start_soon(b.host.swarm.dial_addresses, a.peer_id, [behind_a])
        assert len(a.host.swarm.get_connections(b.peer_id)) == 2
        [of_a], [of_b] = [await wait_seen(partial(getattr, at, "newest")) for at in (at_a, at_b)]
        assert of_a.is_initiator is (a.peer_id.to_bytes() > b.peer_id.to_bytes())
        assert of_a.is_initiator is not of_b.is_initiator
        assert {of_a.result, of_b.result} == {HolePunchResult.NO_ADDRESSES}


@pytest.mark.trio
@pytest.mark.parametrize(
    ("message", "is_relayed", "reason"),
    [
        (HolePunch(type=HolePunch.SYNC), True, RejectionReason.HOLE_PUNCH_MALFORMED),
        (HolePunch(type=HolePunch.CONNECT), False, RejectionReason.HOLE_PUNCH_UNEXPECTED),
    ],
)
async def test_message_out_of_place_is_counted(
    message: HolePunch, is_relayed: bool, reason: RejectionReason
) -> None:
    async with two_behind_a_relay(is_on=False) as (node, peer, _):
        if is_relayed:
            # The peer accepts the relayed connection, and so has to begin.
            connection = await dial_relayed(node, peer)
            [connection] = await wait_seen(lambda: peer.host.swarm.get_connections(node.peer_id))
        else:
            direct = node.host.get_transport_addrs()
            connection = await peer.host.swarm.dial_direct(node.peer_id, direct)
        with suppress(StreamError, MultiselectClientError):  # refused before it was written
            await write_frame(await open_stream(peer.host, connection, DCUTR), message)
        await node.wait_rejected(reason)
        await trio.lowlevel.checkpoint()
        assert not connection.is_closed

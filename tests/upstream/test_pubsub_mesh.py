"""Corrections 6, 8, 9: a mesh that heals late, remembers too much, tells too little."""

from __future__ import annotations

import trio
from libp2p.pubsub.pb import rpc_pb2

from tests.upstream.defect import defect
from tests.upstream.stacks import Stack, connect
from tests.upstream.strangers import (
    ROOM,
    open_stranger_stream,
    rpc_frame,
    two_in_a_room,
    wait_acquainted,
)
from tests.upstream.waiting import wait_seen


@defect(6, "a heartbeat of two minutes")
async def test_a_broken_mesh_heals_in_seconds(stack: Stack) -> None:
    async with two_in_a_room(stack, is_safe=False) as (first, second):
        await trio.sleep(2 * first.router.heartbeat_initial_delay)
        first.router.mesh[ROOM].clear()
        second.router.mesh[ROOM].clear()
        await wait_acquainted(first, second)


@defect(8, "a backoff for every topic name a peer makes up")
async def test_prunes_of_unknown_topics_leave_nothing_behind(stack: Stack) -> None:
    names = [f"no such room {number}" for number in range(20_000)]
    control = rpc_pb2.ControlMessage(prune=[rpc_pb2.ControlPrune(topicID=name) for name in names])
    last = rpc_pb2.RPC(subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid="last")])
    async with stack.node() as victim, stack.host() as stranger:
        await victim.join(ROOM)
        stream = await open_stranger_stream(stranger, victim.host)
        await stream.write(rpc_frame(rpc_pb2.RPC(control=control)) + rpc_frame(last))
        await wait_seen(lambda: "last" in victim.pubsub.peer_topics)
        back_offs = victim.router.back_off
        assert sum(len(peers) for peers in back_offs.values()) == 0


@defect(9, "no gossip to peers in backoff")
async def test_a_pruned_peer_is_told_of_messages(stack: Stack) -> None:
    async with two_in_a_room(stack) as (author, relay), stack.node() as pruned:
        await pruned.join(ROOM)
        await connect(pruned.host, relay.host)
        await wait_acquainted(relay, pruned)
        for node, other in ((relay, pruned), (pruned, relay)):
            node.router.mesh[ROOM].discard(other.host.get_id())
            node.router._add_back_off(other.host.get_id(), ROOM, False)
        await author.publish(ROOM, b"for all")
        await wait_seen(lambda: [r.data for r in pruned.received], lambda seen: b"for all" in seen)

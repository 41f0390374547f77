"""What strangers send over real streams: each rule has its counter, and the node goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import multihash
import pytest
import trio
from libp2p.abc import INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.rsa import create_new_key_pair as create_rsa_key_pair
from libp2p.host.exceptions import StreamFailure
from libp2p.pubsub.pb import rpc_pb2

from p2pd.domain.rejections import RejectionReason
from p2pd.net.pubsub.gossip import GossipOptions
from tests.upstream.stacks import OURS
from tests.upstream.strangers import (
    MESHSUB,
    ROOM,
    open_stranger_stream,
    publish_frame,
    rpc_frame,
    signed_message,
)
from tests.upstream.waiting import wait_seen

Change = Callable[[rpc_pb2.Message], None]
AUTHOR = create_new_key_pair()
OTHER = create_new_key_pair()


def _setting(name: str, value: bytes) -> Change:
    return lambda message: setattr(message, name, value)


def _clearing(name: Any) -> Change:
    return lambda message: message.ClearField(name)


def _without_key_and_huge(message: rpc_pb2.Message) -> None:
    _hashed_author_without_key(message)
    _setting("key", bytes(5_000))(message)


def _hashed_author_without_key(message: rpc_pb2.Message) -> None:
    message.from_id = multihash.encode(hashlib.sha256(b"a key").digest(), "sha2-256")


def _hashed_author_with_others_key(message: rpc_pb2.Message) -> None:
    _hashed_author_without_key(message)
    message.key = OTHER.public_key.serialize()


BROKEN = {
    "topic missing": (_clearing("topicIDs"), "message_topic_count"),
    "two topics": (lambda message: message.topicIDs.append("second"), "message_topic_count"),
    "author missing": (_clearing("from_id"), "message_author_missing"),
    "author that is no id": (_setting("from_id", b"\xff\x00junk"), "message_key_unreadable"),
    "sequence number missing": (_clearing("seqno"), "message_seqno_malformed"),
    "short sequence number": (_setting("seqno", b"\x01" * 7), "message_seqno_malformed"),
    "long sequence number": (_setting("seqno", b"\x01" * 9), "message_seqno_malformed"),
    "signature missing": (_clearing("signature"), "message_signature_missing"),
    "short signature": (_setting("signature", b"\x00" * 10), "message_signature_wrong"),
    "zero signature": (_setting("signature", bytes(64)), "message_signature_wrong"),
    "changed data": (_setting("data", b"not what was signed"), "message_signature_wrong"),
    "changed number": (_setting("seqno", b"\x01" * 8), "message_signature_wrong"),
    "key missing": (_hashed_author_without_key, "message_key_unreadable"),
    "key of another": (_hashed_author_with_others_key, "message_key_of_another"),
    "huge key": (
        _without_key_and_huge,
        "message_key_too_large",
    ),
}


@pytest.mark.trio
@pytest.mark.parametrize(("change", "reason"), BROKEN.values(), ids=list(BROKEN))
async def test_broken_message_is_counted_and_the_stream_goes_on(
    change: Change, reason: str
) -> None:
    broken = signed_message(AUTHOR, b"broken", change=change)
    honest = signed_message(AUTHOR, b"honest")
    async with OURS.node() as node, OURS.host() as stranger:
        await node.join(ROOM)
        stream = await open_stranger_stream(stranger, node.host)
        await stream.write(publish_frame(broken) + publish_frame(honest))
        await wait_seen(lambda: [received.data for received in node.received])
        assert [received.data for received in node.received] == [b"honest"]
        assert dict(node.rejections.totals) == {reason: 1}


@pytest.mark.trio
async def test_message_in_a_topic_not_joined_is_counted() -> None:
    elsewhere = signed_message(AUTHOR, b"elsewhere", topics=["another room"])
    large = signed_message(AUTHOR, bytes(60_001))
    fits = signed_message(AUTHOR, bytes(60_000))
    async with OURS.node() as node, OURS.host() as stranger:
        await node.join(ROOM)
        stream = await open_stranger_stream(stranger, node.host)
        await stream.write(publish_frame(elsewhere, large, fits))
        await wait_seen(lambda: [len(received.data) for received in node.received])
        assert [len(received.data) for received in node.received] == [60_000]
        counted = {"message_topic_not_joined": 1, "message_too_large": 1}
        assert dict(node.rejections.totals) == counted


@pytest.mark.trio
async def test_author_with_an_rsa_key_is_heard() -> None:
    key_pair = create_rsa_key_pair(2048)

    def add_key(message: rpc_pb2.Message) -> None:
        message.key = key_pair.public_key.serialize()

    message = signed_message(key_pair, b"hello from a long key", change=add_key)
    async with OURS.node() as node, OURS.host() as stranger:
        await node.join(ROOM)
        stream = await open_stranger_stream(stranger, node.host)
        await stream.write(publish_frame(message))
        await wait_seen(lambda: [received.data for received in node.received])


@pytest.mark.trio
async def test_forgery_does_not_keep_out_the_message_whose_id_it_bears() -> None:
    honest = signed_message(AUTHOR, b"honest")
    forged = rpc_pb2.Message()
    forged.CopyFrom(honest)
    forged.data = b"forged"
    async with OURS.node() as node, OURS.host() as stranger:
        await node.join(ROOM)
        stream = await open_stranger_stream(stranger, node.host)
        await stream.write(publish_frame(forged) + publish_frame(honest) + publish_frame(honest))
        await wait_seen(lambda: node.received)
        assert [received.data for received in node.received] == [b"honest"]


STREAM_FAULTS = {
    "no protobuf": (b"\x05\xff\xff\xff\xff\xff", "rpc_malformed"),
    "field cut short": (b"\x03\x12\x7f\x00", "rpc_malformed"),
    "topic that is no text": (b"\x06\x0a\x04\x12\x02\xff\xfe", "rpc_malformed"),
    "control that is none": (b"\x04\x1a\x02\x0a\x7f", "rpc_malformed"),
    "endless length": (b"\xff" * 12, "rpc_length_malformed"),
    "too long": (b"\xff\xff\xff\x7f", "rpc_too_large"),
    "too many subscriptions": (
        rpc_frame(rpc_pb2.RPC(subscriptions=[rpc_pb2.RPC.SubOpts(topicid="x")] * 5_001)),
        "subscriptions_excess",
    ),
    "subscriptions without end": (
        rpc_frame(rpc_pb2.RPC(subscriptions=[rpc_pb2.RPC.SubOpts(topicid="x")] * 2_000)),
        "subscriptions_flood",
    ),
    "only forgeries": (
        publish_frame(
            *(
                signed_message(AUTHOR, b"%d" % number, change=_setting("signature", bytes(64)))
                for number in range(120)
            )
        ),
        "stream_of_forgeries",
    ),
}


@pytest.mark.trio
@pytest.mark.parametrize(("frame", "reason"), STREAM_FAULTS.values(), ids=list(STREAM_FAULTS))
async def test_broken_stream_is_reset_and_another_can_be_opened(frame: bytes, reason: str) -> None:
    async with OURS.node() as node, OURS.host() as stranger:
        await node.join(ROOM)
        stream = await open_stranger_stream(stranger, node.host)
        await stream.write(frame)
        await wait_seen(lambda: node.rejections.totals.get(RejectionReason(reason)))
        stream = await open_stranger_stream(stranger, node.host)
        await stream.write(publish_frame(signed_message(AUTHOR, b"honest")))
        await wait_seen(lambda: [received.data for received in node.received])


@pytest.mark.trio
async def test_peer_that_opens_stream_after_stream_is_refused_the_excess() -> None:
    async with OURS.node() as node, OURS.host() as stranger:
        await node.join(ROOM)
        first = await open_stranger_stream(stranger, node.host)
        for _ in range(11):
            with suppress(StreamFailure):
                await open_stranger_stream(stranger, node.host)
        await wait_seen(
            lambda: node.rejections.totals.get(RejectionReason.PUBSUB_STREAMS_EXCESS) == 4
        )
        await first.write(publish_frame(signed_message(AUTHOR, b"honest")))
        await wait_seen(lambda: [received.data for received in node.received])


@pytest.mark.trio
async def test_one_author_has_a_rate_whoever_forwards() -> None:
    options = GossipOptions(author_rate_per_s=0.001, author_burst=10)
    many = [signed_message(AUTHOR, b"%d" % number) for number in range(15)]
    other = signed_message(OTHER, b"another author")
    async with OURS.node(options=options) as node, OURS.host() as stranger:
        await node.join(ROOM)
        stream = await open_stranger_stream(stranger, node.host)
        await stream.write(publish_frame(*many) + publish_frame(other))
        await wait_seen(lambda: len(node.received), lambda count: count == 11)
        assert node.rejections.totals[RejectionReason.AUTHOR_RATE] == 5


@pytest.mark.trio
async def test_control_messages_leave_nothing_behind() -> None:
    names = [f"room {number}" for number in range(3_000)]
    control = rpc_pb2.ControlMessage(
        ihave=[rpc_pb2.ControlIHave(topicID=name, messageIDs=[b"id"]) for name in names],
        iwant=[rpc_pb2.ControlIWant(messageIDs=[b"id"]) for _ in names],
        graft=[rpc_pb2.ControlGraft(topicID=name) for name in names],
        prune=[rpc_pb2.ControlPrune(topicID=name, backoff=2**62) for name in names],
        idontwant=[rpc_pb2.ControlIDontWant(messageIDs=[name.encode()]) for name in names],
    )
    prune_here = rpc_pb2.ControlMessage(prune=[rpc_pb2.ControlPrune(topicID=ROOM, backoff=2**62)])
    async with OURS.node() as node, OURS.host() as stranger:
        await node.join(ROOM)
        stream = await open_stranger_stream(stranger, node.host)
        await stream.write(rpc_frame(rpc_pb2.RPC(control=control)))
        await stream.write(rpc_frame(rpc_pb2.RPC(control=prune_here)))
        await stream.write(publish_frame(signed_message(AUTHOR, b"honest")))
        await wait_seen(lambda: [received.data for received in node.received])
        router = node.router
        assert set(router.back_off) <= {ROOM}
        assert set(router.mesh) == {ROOM}
        assert sum(map(len, router.dont_send_message_ids.values())) <= 1_000
        assert node.rejections.totals[RejectionReason.CONTROL_ENTRIES_EXCESS] > 0


async def _read_nothing(_: INetStream) -> None:
    await trio.sleep_forever()


async def subscribe_to(stream: INetStream, names: list[str]) -> None:
    subscriptions = [rpc_pb2.RPC.SubOpts(subscribe=True, topicid=name) for name in names]
    await stream.write(rpc_frame(rpc_pb2.RPC(subscriptions=subscriptions)))


@pytest.mark.trio
async def test_topics_of_a_peer_are_bounded_in_bytes_and_all_of_an_honest_one_fit() -> None:
    names = [f"{number:0256}" for number in range(260)]
    async with OURS.node() as node, OURS.host() as stranger:
        stream = await open_stranger_stream(stranger, node.host)
        await subscribe_to(stream, names)
        await wait_seen(
            lambda: node.rejections.totals.get(RejectionReason.SUBSCRIPTION_TOPICS_EXCESS)
        )
        assert set(node.pubsub.peer_topics) == set(names[:256])


@pytest.mark.trio
async def test_number_of_topics_of_a_peer_is_bounded_and_places_are_given_back() -> None:
    async with OURS.node() as node, OURS.host() as stranger:
        stream = await open_stranger_stream(stranger, node.host)
        await subscribe_to(stream, [str(number) for number in range(400)])
        await subscribe_to(stream, [f"more {number}" for number in range(150)])
        await wait_seen(
            lambda: dict(node.rejections.totals),
            lambda totals: totals == {"subscription_topics_excess": 50},
        )
        leaving = [rpc_pb2.RPC.SubOpts(subscribe=False, topicid="0")]
        await stream.write(rpc_frame(rpc_pb2.RPC(subscriptions=leaving)))
        await subscribe_to(stream, ["last"])
        await wait_seen(lambda: "last" in node.pubsub.peer_topics)
        assert len(node.pubsub.peer_topics) == 500


@pytest.mark.trio
async def test_large_record_exchanged_peers_and_long_ids_are_counted_and_not_stored() -> None:
    control = rpc_pb2.ControlMessage(
        ihave=[rpc_pb2.ControlIHave(topicID=ROOM, messageIDs=[bytes(65)])],
        idontwant=[rpc_pb2.ControlIDontWant(messageIDs=[bytes(65), bytes(64)])],
        prune=[rpc_pb2.ControlPrune(topicID=ROOM, peers=[rpc_pb2.PeerInfo(peerID=b"a")] * 3)],
    )
    async with OURS.node() as node, OURS.host() as stranger:
        await node.join(ROOM)
        stranger.set_stream_handler(MESHSUB, _read_nothing)
        stream = await open_stranger_stream(stranger, node.host)
        await wait_seen(lambda: stranger.get_id() in node.router.dont_send_message_ids)
        await stream.write(rpc_frame(rpc_pb2.RPC(senderRecord=bytes(10_000))))
        await stream.write(rpc_frame(rpc_pb2.RPC(control=control)))
        await stream.write(publish_frame(signed_message(AUTHOR, b"honest")))
        await wait_seen(lambda: [received.data for received in node.received])
        assert dict(node.rejections.totals) == {
            "peer_record_refused": 1,
            "message_id_too_long": 2,
            "peer_exchange_ignored": 3,
        }


@pytest.mark.trio
async def test_peer_in_the_mesh_that_cannot_be_written_to_harms_no_relay() -> None:
    control = rpc_pb2.ControlMessage(graft=[rpc_pb2.ControlGraft(topicID=ROOM)])
    many = [signed_message(AUTHOR, b"%d" % number) for number in range(20)]
    async with OURS.node() as node, OURS.host() as mute, OURS.host() as honest:
        await node.join(ROOM)
        stream = await open_stranger_stream(mute, node.host)
        await stream.write(rpc_frame(rpc_pb2.RPC(control=control)))
        await wait_seen(lambda: mute.get_id() in node.router.mesh[ROOM])
        stream = await open_stranger_stream(honest, node.host)
        for message in many:
            await stream.write(publish_frame(message))
        await wait_seen(lambda: len(node.received), lambda count: count == len(many))
        assert not node.rejections.totals

"""A real node against what ends stock py-libp2p: deadly frames, crowds, silence."""

from __future__ import annotations

import hashlib
import signal

import multihash
import trio
from libp2p.abc import IHost
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.pb import crypto_pb2
from libp2p.custom_types import TProtocol
from libp2p.peer.peerinfo import PeerInfo
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_varint_prefixed
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from p2pd.net.addresses import peer_info_from_text
from tests.driver import EventListener, NodeProcess
from tests.upstream.stacks import OURS, STOCK
from tests.upstream.strangers import MESHSUB, publish_frame, signed_message

CONNECTS = 1_000
AT_ONCE = 6
JUNK = b"\x12\xff\xff\xffjunk"
OTHER_PROTOCOLS = ("/ipfs/id/push/1.0.0", "/ipfs/kad/1.0.0", "/ipfs/ping/1.0.0")


def message_with_key(key: bytes) -> rpc_pb2.Message:
    """Make a message whose author id is the hash of a key."""

    def change(message: rpc_pb2.Message) -> None:
        message.from_id = multihash.encode(hashlib.sha256(key).digest(), "sha2-256")
        message.key = key

    return signed_message(create_new_key_pair(), b"who am I", change=change)


def message_with_short_signature() -> rpc_pb2.Message:
    """Make a message whose signature has a length that no verifier expects."""

    def change(message: rpc_pb2.Message) -> None:
        message.signature = b"short"

    return signed_message(create_new_key_pair(), b"trust me", change=change)


def deadly_frames() -> list[bytes]:
    """List the frames on a pubsub stream each of which ended the stock process."""
    unknown = crypto_pb2.PublicKey(key_type=crypto_pb2.KeyType.ECDSA, data=b"no DER")
    return [
        encode_varint_prefixed(JUNK),
        publish_frame(message_with_key(b"\xff\xff\xff\xff not a key")),
        publish_frame(message_with_key(unknown.SerializeToString())),
        publish_frame(message_with_short_signature()),
    ]


async def send_once(info: PeerInfo, protocol: str, frame: bytes) -> None:
    """Send one frame as a peer of its own."""
    async with STOCK.host() as stranger:
        await stranger.connect(info)
        stream = await stranger.new_stream(info.peer_id, [TProtocol(protocol)])
        await stream.write(frame)
        await _wait_read(stranger, info)


async def _wait_read(stranger: IHost, info: PeerInfo) -> None:
    """Wait until the node has read the frame: it answers a later ping."""
    stream = await stranger.new_stream(info.peer_id, [TProtocol("/ipfs/ping/1.0.0")])
    await stream.write(bytes(32))
    await stream.read(32)


async def attack(info: PeerInfo) -> None:
    for frame in deadly_frames():
        await send_once(info, MESHSUB, frame)
    for protocol in OTHER_PROTOCOLS:
        await send_once(info, protocol, encode_varint_prefixed(JUNK))


async def come_and_go(info: PeerInfo, limiter: trio.CapacityLimiter) -> None:
    async with limiter, OURS.host() as host:
        await host.connect(info)


async def crowd(info: PeerInfo) -> None:
    limiter = trio.CapacityLimiter(AT_ONCE)
    async with trio.open_nursery() as nursery:
        for _ in range(CONNECTS):
            nursery.start_soon(come_and_go, info, limiter)


def assert_chat(node: NodeProcess, honest: NodeProcess) -> None:
    """Have an honest node dial and say something."""
    with EventListener(node) as listener:
        with honest.open_channel() as channel:
            stub = chat_pb2_grpc.ChatServiceStub(channel)
            stub.Connect(chat_pb2.ConnectRequest(address=node.address), timeout=30)
        honest.publish("still there?")
        assert listener.wait_text("still there?").author_id == honest.peer_id


def test_deadly_inputs_end_nothing(node_pair: tuple[NodeProcess, NodeProcess]) -> None:
    node, honest = node_pair
    trio.run(attack, peer_info_from_text(node.address))
    assert node.running
    assert_chat(node, honest)


def test_node_accepts_after_a_thousand_connects(
    node_pair: tuple[NodeProcess, NodeProcess],
) -> None:
    node, honest = node_pair
    trio.run(crowd, peer_info_from_text(node.address))
    assert node.running
    assert_chat(node, honest)


def test_hung_peer_is_let_go_and_found_again(node_pair: tuple[NodeProcess, NodeProcess]) -> None:
    node, other = node_pair
    assert_chat(other, node)
    with EventListener(node) as listener:
        other.signal(signal.SIGSTOP)
        try:
            listener.wait_events(
                lambda events: any(e.peer_disconnected.peer_id == other.peer_id for e in events)
            )
        finally:
            other.signal(signal.SIGCONT)
        listener.wait_events(
            lambda events: any(e.peer_joined.peer_id == other.peer_id for e in events)
        )

"""A hostile peer that speaks every protocol of a node by chance; run in virtual time.

``hostile_streams`` opens streams and sends damaged messages on them, ``hostile_connections``
sends bytes below the streams. The node goes on, and whatever it raises has a name.
"""

from __future__ import annotations

import logging
import random
import struct
import sys
import traceback
import tracemalloc
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
import trio
from google.protobuf.message import Message
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.host.autonat.pb import autonat_pb2
from libp2p.identity.identify.pb import identify_pb2
from libp2p.kad_dht.pb import kademlia_pb2
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.pb import rpc_pb2
from libp2p.relay.circuit_v2.pb import circuit_pb2, dcutr_pb2
from multiaddr import Multiaddr
from wsp.autonat.v2 import autonat_pb2 as autonat_v2_pb2
from wsp.direct.v1 import direct_pb2
from wsp.profile.v1 import profile_pb2
from wsp.sync.v1 import sync_pb2

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.host import HostOptions, open_host
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.private_addresses import PrivateDials
from tests.fuzz.mutations import Filler, framed, mutated
from tests.simulation.node import ROOM, SimulatedNode
from tests.simulation.transport import MemoryTransport
from tests.simulation.world import World

HOSTS = 6
"""One after another: a node soon refuses what one of them sends."""
STREAMS = 60
"""Of each."""
CONNECTIONS = 60
MOST_SENT = 6
MAX_GROWTH_BYTES = 24 << 20
"""Of all that Python allocates, the hostile host's part included."""
HOSTILE = "10.77.65.1"
MESSAGES: dict[str, Callable[[], Message]] = {
    "/meshsub": rpc_pb2.RPC,
    "/floodsub": rpc_pb2.RPC,
    "/ipfs/id": identify_pb2.Identify,
    "/ipfs/kad": kademlia_pb2.Message,
    "/libp2p/circuit/relay/0.2.0/hop": circuit_pb2.HopMessage,
    "/libp2p/circuit/relay/0.2.0/stop": circuit_pb2.StopMessage,
    "/libp2p/dcutr": dcutr_pb2.HolePunch,
    "/libp2p/autonat/1": autonat_pb2.Message,
    "/libp2p/autonat/2/dial-request": autonat_v2_pb2.Message,
    "/libp2p/autonat/2/dial-back": autonat_v2_pb2.DialBack,
    "/universal-connectivity/dm": direct_pb2.FieldRequest,
    "/wsp/direct": direct_pb2.DeliverRequest,
    "/wsp/profile": profile_pb2.ProfileRequest,
    "/wsp/sync": sync_pb2.Frame,
}
NO_MESSAGES = ("/ipfs/ping", "/wsp/instance")
NAMELESS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    StopIteration,
    struct.error,
    TypeError,
    UnicodeError,
)
"""What a parser raises that did not expect its input; from a parser of ours it is a fault."""
OURS = "/p2pd/"
NAMELESS_REASONS = {RejectionReason.STREAM_HANDLER, RejectionReason.PUBSUB_STREAM_FAILED}
"""A boundary that nothing is expected to reach."""
REASONS = {
    RejectionReason.AUTONAT_DIAL_BACK_UNKNOWN, RejectionReason.AUTONAT_REQUEST_REFUSED,
    RejectionReason.HOLE_PUNCH_UNEXPECTED,
    RejectionReason.IDENTIFY, RejectionReason.KAD_REQUEST_INVALID, RejectionReason.RPC_MALFORMED,
    RejectionReason.RELAY_OFFER_MALFORMED, RejectionReason.SYNC_FRAME_MALFORMED,
    RejectionReason.PROFILE_MALFORMED,
}  # fmt: skip
"""At least one for each protocol: what is refused is counted."""


async def hostile_streams(world: World, hosts: int = HOSTS) -> None:
    """Send damaged messages of every protocol, and see that the node chats on."""
    complaints = collect_complaints()
    await world.add_nodes(2)
    await world.meet()
    victim = world.nodes[0]
    tracemalloc.start()
    before_bytes, _ = tracemalloc.get_traced_memory()
    for number in range(hosts):
        async with hostile_host(world, number) as host:
            await attack_from(host, world, victim)
    await trio.sleep(120.0)
    grown_bytes = tracemalloc.get_traced_memory()[0] - before_bytes
    await check_alive(world, complaints)
    assert victim.running is not None
    missing = REASONS.difference(victim.running.start.rejections.totals)
    assert not missing, f"what peers sent was not counted: {missing}"
    assert grown_bytes < MAX_GROWTH_BYTES, f"{grown_bytes >> 20} MiB more are held"


async def hostile_connections(world: World, connections: int = CONNECTIONS) -> None:
    """Send bytes in place of handshakes, and see that the node chats on."""
    complaints = collect_complaints()
    await world.add_nodes(2)
    await world.meet()
    victim, chance = world.nodes[0], world.chance
    hello = b"\x13/multistream/1.0.0\n\x07/noise\n"
    for _ in range(connections):
        stream = await world.wires.connect(HOSTILE, victim.host, 4001)
        for _ in range(chance.randint(1, MOST_SENT)):
            good = chance.choice([hello, framed(chance.randbytes(32), chance), b"\0\x20"])
            with trio.move_on_after(1.0):
                await stream.write(mutated(good, chance))
        if chance.random() < 0.7:
            await stream.close()
    await trio.sleep(120.0)
    await check_alive(world, complaints)


def collect_complaints() -> list[str]:
    """Collect from now on what the node logs that must not happen whatever a peer sends."""
    seen: list[str] = []

    def look(_: object, level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        error = sys.exception()
        is_ours = (
            isinstance(error, NAMELESS)
            and OURS in traceback.extract_tb(error.__traceback__)[-1].filename
        )
        if level == "error" or is_ours:
            seen.append(f"{event} {''.join(traceback.format_exception(error))}")
        raise structlog.DropEvent

    structlog.configure(
        processors=[look], wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG)
    )
    return seen


async def check_alive(world: World, complaints: list[str]) -> None:
    """Check that nothing nameless was raised, and that the node still chats."""
    assert not complaints, "\n".join(dict.fromkeys(complaints))
    for node in world.nodes:
        assert node.running is not None
        counted = node.running.start.rejections.totals
        assert not NAMELESS_REASONS.intersection(counted), counted
    for node in world.nodes:
        assert await node.publish(f"{node.number} is alive")
    await world.wait_until(world.all_connected, 60.0, world.peer_counts)
    await world.wait_agreed(15.0)


@asynccontextmanager
async def hostile_host(world: World, number: int) -> AsyncIterator[NodeHost]:
    """Run a host that serves nothing but identify."""
    machine = f"10.77.66.{number + 1}"
    options = HostOptions(
        create_new_key_pair(f"hostile {number}".encode().ljust(32)),
        (f"/ip4/{machine}/tcp/4001",),
        transports=(MemoryTransport(world.wires, machine),),
        private_dials=PrivateDials.ON,
    )
    async with open_host(options, Rejections()) as host:
        yield host


async def served_protocols(host: NodeHost, peer_id: ID) -> list[str]:
    """Ask a peer what it serves."""
    while (identity := host.identity_of(peer_id)) is None:
        await trio.sleep(0.1)
    return sorted(identity.protocols)


def is_known(protocol: str) -> bool:
    """Return whether there are messages here for a protocol."""
    return protocol.startswith((*MESSAGES, *NO_MESSAGES))


async def attack_from(host: NodeHost, world: World, victim: SimulatedNode) -> None:
    """Open streams of every protocol that a node serves, several at a time."""
    info = info_from_p2p_addr(Multiaddr(victim.address))
    await host.connect(info)
    protocols = await served_protocols(host, info.peer_id)
    unknown = [each for each in protocols if not is_known(each)]
    assert not unknown, f"nothing here speaks {unknown}"
    filler = Filler(world.chance, blobs_of(world, host), [ROOM, *protocols])
    async with trio.open_nursery() as nursery:
        for _ in range(STREAMS):
            if not host.get_network().get_connections(info.peer_id):
                await host.connect(info)
            protocol = world.chance.choice(protocols)
            nursery.start_soon(attack, host, info.peer_id, protocol, world.chance, filler)
            await trio.sleep(world.chance.uniform(0.0, 0.3))


async def attack(
    host: NodeHost, peer_id: ID, protocol: str, chance: random.Random, filler: Filler
) -> None:
    """Open a stream, send on it by chance, and end it in one of three ways."""
    try:
        with trio.move_on_after(30.0):
            stream = await host.new_stream(peer_id, [TProtocol(protocol)])
            for _ in range(chance.randint(0, MOST_SENT)):
                await stream.write(payload(protocol, chance, filler))
                if chance.random() < 0.3:
                    with trio.move_on_after(1.0):
                        await stream.read(1 << 16)
            await chance.choice([stream.close, stream.reset, trio.lowlevel.checkpoint])()
    # The node refuses much of it, and ends the connection for some.
    except Exception:
        await trio.lowlevel.checkpoint()


def payload(protocol: str, chance: random.Random, filler: Filler) -> bytes:
    """Make what is sent in one write."""
    make = next((make for start, make in MESSAGES.items() if protocol.startswith(start)), None)
    if make is None:
        return chance.randbytes(chance.choice([0, 1, 31, 32, 33, 64, 5_000]))
    body = mutated(filler.filled(make()).SerializePartialToString(), chance)
    return mutated(framed(body, chance), chance) if chance.random() < 0.2 else framed(body, chance)


def blobs_of(world: World, host: NodeHost) -> list[bytes]:
    """List bytes that mean something to a node: ids, addresses, keys, signed messages."""
    nodes: list[SimulatedNode] = world.nodes
    ids = [ID.from_base58(str(node.peer_id)).to_bytes() for node in nodes]
    addresses = [Multiaddr(node.address).to_bytes() for node in nodes]
    signed = [message.signed_bytes for node in nodes for message in node.messages()]
    return [*ids, *addresses, *signed, host.get_id().to_bytes(), ROOM.encode(), bytes(1_000)]

"""One frame of each kind of event, as pages and programs get it.

``python -m tests.golden`` writes the files anew; pytest compares them with what node
and gateway make of a fact, the page's tests feed them to the page.
"""

from __future__ import annotations

from pathlib import Path

from p2pd.api.event_from_domain import event_from_domain
from p2pd.domain.conversations import ReaderName
from p2pd.domain.events import (
    CaughtUp,
    Event,
    EventBody,
    Gap,
    GapReason,
    MessageDelivery,
    MessageHidden,
    NodeChanged,
    PeerBlocked,
    PeerConnected,
    PeerDisconnected,
    PeerJoined,
    PeerLeft,
    ProfileChanged,
    Progress,
    ReadMarkerChanged,
    RoomMuted,
    Snapshot,
)
from p2pd.domain.messages import Delivery, Message
from p2pd.domain.names import DEFAULT_ROOM, MessageId, PeerId, RoomName
from p2pd.domain.peers import (
    Connection,
    ConnectionKind,
    Direction,
    Node,
    NodeWarning,
    Peer,
)
from p2pd.domain.profiles import KnownProfile, Profile
from p2pd.domain.reach import (
    AddressReachability,
    EvidenceKind,
    HolePunch,
    HolePunchResult,
    PortMapping,
    Reach,
    Reachability,
    ReachabilityEvidence,
    RelayReservation,
    RelayService,
)
from p2pd.domain.storage import Damage, Storage, StorageState

DIRECTORY = Path(__file__).parent
NOW_NS = 1_750_000_000_123_456_789
CURSOR = "0123abcd-2a"
OWN = PeerId("12D3KooWHkcfCzDBMtyqskmKKHZReL5nYd9szzcfrEZcj7wrKxGP")
OTHER = PeerId("12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN")
NODE = Node(
    peer_id=OWN,
    addresses=(f"/ip4/192.0.2.7/tcp/4001/p2p/{OWN}",),
    agent="wsp/0.1.0",
    rooms=(RoomName("cats"), DEFAULT_ROOM),
    version="0.1.0",
    max_message_bytes=32_768,
    start_time_ns=NOW_NS,
    storage=Storage(
        StorageState.FULL, "the disk is full", (Damage("/data/damaged", "no page", NOW_NS),)
    ),
    warnings=(NodeWarning("IDENTITY_CONFLICT", "two programs use one identity", NOW_NS),),
    reach=Reach(
        Reachability.PUBLIC,
        (
            ReachabilityEvidence(
                EvidenceKind.AUTONAT,
                is_reachable=True,
                time_ns=NOW_NS,
                peer_id=OTHER,
                address="/ip4/192.0.2.7/tcp/4001",
            ),
        ),
        (
            RelayReservation(
                OTHER,
                (f"/ip4/192.0.2.8/tcp/4001/p2p/{OTHER}/p2p-circuit/p2p/{OWN}",),
                NOW_NS,
                max_circuit_bytes=131_072,
                max_circuit_s=120,
            ),
        ),
        RelayService(is_on=True, reservation_count=2, circuit_count=1),
        (PortMapping("upnp", "/ip4/192.0.2.7/tcp/4001", "/ip4/10.0.0.2/tcp/4001", NOW_NS),),
        (
            HolePunch(
                OTHER,
                HolePunchResult.SUCCEEDED,
                is_initiator=True,
                transport="quic-v1",
                attempt_count=1,
                duration_s=1.5,
                time_ns=NOW_NS,
                round_trip_s=0.0125,
            ),
        ),
        (AddressReachability("/ip4/192.0.2.7/tcp/4001", "tcp", Reachability.PUBLIC),),
    ),
)
PEER = Peer(
    peer_id=OTHER,
    addresses=(f"/ip4/192.0.2.8/tcp/4001/p2p/{OTHER}",),
    agent="go-libp2p",
    protocols=("/ipfs/ping/1.0.0", "/meshsub/1.2.0"),
    rooms=(DEFAULT_ROOM,),
    connection=Connection(
        remote_address="/ip4/192.0.2.8/tcp/4001",
        kind=ConnectionKind.DIRECT,
        transport="tcp",
        direction=Direction.INBOUND,
        open_time_ns=NOW_NS,
        round_trip_s=0.0125,
    ),
)
MESSAGE = Message(
    message_id=MessageId("00ab" * 11),
    room=DEFAULT_ROOM,
    author_id=OWN,
    data="grüezi 🐝".encode(),
    seqno=NOW_NS - 5_000_000,
    receive_time_ns=NOW_NS,
    forwarder_id=OTHER,
    signed_bytes=b"",
    delivery=Delivery.BACKFILLED,
    client_message_id="mine",
)
BODIES: dict[str, EventBody] = {
    "snapshot": Snapshot(NODE, (PEER, Peer(PeerId("12D3KooWBare"))), 3),
    "message": MESSAGE,
    "peer_connected": PeerConnected(PEER),
    "peer_disconnected": PeerDisconnected(OTHER),
    "peer_joined": PeerJoined(OTHER, DEFAULT_ROOM),
    "peer_left": PeerLeft(OTHER, DEFAULT_ROOM),
    "gap": Gap(GapReason.EXPIRED, 7),
    "node_changed": NodeChanged(NODE),
    "caught_up": CaughtUp(),
    "progress": Progress(),
    "message_hidden": MessageHidden(MessageId("00ab" * 11), is_hidden=True),
    "room_muted": RoomMuted(DEFAULT_ROOM, is_muted=True),
    "peer_blocked": PeerBlocked(OTHER, is_blocked=True),
    "profile_changed": ProfileChanged(
        KnownProfile(
            OTHER,
            Profile("Änne", "likes bees", "#0080ff", b"\x89PNG\r\n\x1a\n"),
            petname="my sister",
            lookalike_ids=(OWN,),
            update_time_ns=NOW_NS,
            expire_time_ns=NOW_NS + 2_592_000_000_000_000,
        ),
        name_seen_before=True,
    ),
    "message_delivery": MessageDelivery(MESSAGE.message_id, DEFAULT_ROOM, (OTHER,), (OTHER,)),
    "read_marker_changed": ReadMarkerChanged(
        ReaderName("me"), DEFAULT_ROOM, "0123abcd-29", unread_count=3, mention_count=1
    ),
}
"""A fact of each kind."""


def encoded_event(kind: str) -> bytes:
    """Return the event of a kind as the node sends it."""
    return event_from_domain(Event(CURSOR, NOW_NS, BODIES[kind])).SerializeToString()

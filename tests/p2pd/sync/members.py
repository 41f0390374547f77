"""Members of a room in this process: real hosts and streams, real stores, real history."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.keys import KeyPair

from p2pd.chat.direct_conversations import DirectConversations
from p2pd.chat.direct_inbox import DirectInbox
from p2pd.chat.direct_requests import DirectRequests
from p2pd.chat.history import History
from p2pd.chat.inbox import Inbox
from p2pd.chat.membership import Membership, RoomDefaults
from p2pd.chat.presence import Presence
from p2pd.domain.clock import NodeClock
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.domain.rejections import Rejections
from p2pd.domain.state import State
from p2pd.log.log import Log
from p2pd.net.network import Network, NetworkOptions, peer_id_from_key
from p2pd.net.opening import open_network
from p2pd.net.pubsub.gossip import message_from_wire
from p2pd.net.pubsub.messages import message_from_bytes
from p2pd.net.pubsub.reading import SignedMessages
from p2pd.store.retention import Retention, keep_trimmed
from p2pd.store.sqlite_store import open_store
from p2pd.sync import Sync, SyncOptions, open_sync
from p2pd.sync.admission import HOLD_S
from p2pd.sync.session.machine import SESSION_LIMITS, SessionLimits
from tests.p2pd.facts import make_node
from tests.upstream.strangers import signed_message
from tests.upstream.waiting import wait_seen

ROOM = RoomName("lobby")
DAY_NS = 24 * 3600 * 10**9
TIMEOUT_S = 60.0


@dataclass
class Member:
    """A node without its API."""

    network: Network
    sync: Sync
    log: Log
    membership: Membership
    rejections: Rejections

    def sync_bytes(self) -> int:
        return self.sync.bytes_moved

    @property
    def address(self) -> str:
        return self.network.addresses()[0]

    @property
    def peer_id(self) -> PeerId:
        return PeerId(self.address.rsplit("/", 1)[1])

    def ids(self) -> frozenset[MessageId]:
        """The messages it keeps."""
        return frozenset(one.message_id for one in self.log.store.items(ROOM))

    def is_caught_up(self) -> bool:
        record = self.membership.record(ROOM)
        return record is not None and record.is_caught_up

    def count(self) -> int:
        return self.log.store.count(ROOM)

    def complaints(self) -> set[str]:
        """What it counted against others; both may initiate at one moment."""
        return {str(reason) for reason in self.rejections.totals} - {"sync_busy"}

    async def wait_count(self, count: int) -> None:
        await wait_seen(self.count, lambda seen: seen >= count, timeout_s=TIMEOUT_S)
        assert self.count() == count


@asynccontextmanager
async def open_member(
    directory: Path,
    *,
    key_pair: KeyPair | None = None,
    keeps: int = 1_000_000,
    newest: int = 1_000_000,
    interval_s: float = 0.5,
    limits: SessionLimits = SESSION_LIMITS,
    hold_s: float = HOLD_S,
) -> AsyncIterator[Member]:
    """Run a member that has just joined, with what its store holds already.

    Args:
        keeps: Messages that retention leaves.
        newest: Messages from before it joined that it fetches at most.
        limits: What one session may cost.
        hold_s: Seconds in which no session is ended for another one.
    """
    key_pair = key_pair or create_new_key_pair()
    rejections = Rejections()
    directory.mkdir(exist_ok=True)
    with open_store(directory) as store:
        log = Log(store, State(make_node(), {}))
        defaults = RoomDefaults(7 * DAY_NS, time.time_ns, lambda: 0)
        membership = Membership(store, [ROOM], defaults)
        membership.on_left.append(log.items.forget_room)
        presence = Presence(log, lambda room: None, lambda peer: None)
        inbox = Inbox(log, rejections)
        requests = DirectRequests(log, store, DirectConversations(store), rejections, time.time_ns)
        directs = DirectInbox(
            log, inbox, requests, store, lambda _: True, lambda _: False, rejections
        )
        history = History(membership, log, 30 * DAY_NS, newest, time.time_ns)
        options = NetworkOptions(
            key_pair,
            ("/ip4/127.0.0.1/tcp/0",),
            (),
            "wsp/test",
            (),
            mdns=False,
            first_seqno=0,
        )
        async with (
            open_network(options, inbox, directs, presence, rejections) as network,
            open_sync(
                network.room_peers(),
                SignedMessages(),
                log.items,
                inbox,
                history,
                rejections,
                SyncOptions(interval_s=interval_s, limits=limits, hold_s=hold_s),
            ) as sync,
            trio.open_nursery() as nursery,
        ):
            network.on_peer_joined(sync.peer_joined)
            membership.on_left.append(sync.room_left)
            await membership.start(network)
            retention = Retention(max_messages=keeps)
            clock = NodeClock(time.time_ns, time.monotonic_ns)
            nursery.start_soon(keep_trimmed, store, retention, clock, history.messages_dropped)
            yield Member(network, sync, log, membership, rejections)
            nursery.cancel_scope.cancel()


async def meet(one: Member, other: Member) -> None:
    """Connect two members."""
    await one.network.connect(other.address)


def in_order(count: int) -> list[KeyPair]:
    """Make keys whose peer ids rise."""
    return sorted((create_new_key_pair() for _ in range(count)), key=peer_id_from_key)


def past_messages(count: int, data: bytes = b"x" * 100) -> list[Message]:
    """Sign messages of one author, a millisecond apart, the last of them a minute old."""
    key_pair = create_new_key_pair()
    begin_ns = time.time_ns() - 60 * 10**9 - count * 10**6
    return [make_signed(data, key_pair, begin_ns + number * 10**6) for number in range(count)]


def make_signed(data: bytes, key_pair: KeyPair, seqno: int, room: RoomName = ROOM) -> Message:
    """Sign a message with a sequence number of our choice, as it lies in a store."""
    fields = signed_message(key_pair, data, topics=[room], seqno=seqno.to_bytes(8, "big"))
    wire = message_from_bytes(fields.SerializeToString())
    return message_from_wire(wire, PeerId("forwarder"), time.time_ns())


def unsigned(messages: Iterable[Message], count: int) -> list[Message]:
    """Put ``count`` messages that nobody signed before others: quick to make, never sent."""
    first = next(iter(messages))
    return [
        replace(
            first,
            message_id=MessageId(first.message_id[:-16] + f"{first.seqno - number:016x}"),
            seqno=first.seqno - number,
        )
        for number in range(count, 0, -1)
    ]


def fill(directory: Path, messages: Sequence[Message]) -> None:
    """Put messages into the store of a member that does not run."""
    directory.mkdir(exist_ok=True)
    with open_store(directory) as store:
        for at in range(0, len(messages), 1_000):
            store.append(messages[at : at + 1_000])

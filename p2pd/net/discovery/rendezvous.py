"""Looks for the other members of one room, for as long as it is joined.

Each round walks the DHT to the room's key, has the members found dialled, and
from time to time says that this node is one. Run by ``discovery``, one task a
room; it never waits long while the room is lonely.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from common.backoff import Backoff
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.dht.dht import BoundedDht
from p2pd.net.dht.lookup import Walk
from p2pd.net.discovery.dialler import Dialler
from p2pd.net.discovery.rooms import key_from_room
from p2pd.tasks import run_guarded

SECONDS = 1.0
HOURS = 3600 * SECONDS
LONELY_LEAST_S = 1 * SECONDS
LONELY_MOST_S = 15 * SECONDS
COMPANY_MOST_S = 300 * SECONDS
LEAST_REST_S = 0.5 * SECONDS
LOOK_AGAIN_S = 5 * SECONDS
PROVIDE_EVERY_S = 3 * HOURS
ENOUGH_MEMBERS = 32
"""Members connected beyond which no more are dialled; gossip needs a dozen."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class RoomSearch:
    """The search for one room's members.

    Args:
        queue_dial: Has a peer dialled soon.
        own_addresses: Where others can dial this node, as of now.
    """

    room: RoomName
    dht: BoundedDht
    dialler: Dialler
    queue_dial: Callable[[PeerInfo], None]
    own_addresses: Callable[[], Sequence[Multiaddr]]
    rejections: Rejections
    _members: dict[ID, PeerInfo] = field(default_factory=dict)
    _backoff: Backoff = field(default_factory=lambda: Backoff(LONELY_LEAST_S, COMPANY_MOST_S))
    _wake: trio.Event = field(default_factory=trio.Event)
    _provided_at_s: float | None = None
    _provided_addresses: tuple[Multiaddr, ...] = ()
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    async def run(self) -> None:
        """Search until ``scope`` is cancelled.

        Cancellation: the record of this node is forgotten here; on other
        servers it expires.
        """
        with self.scope:
            try:
                await run_guarded("room search", self._search_repeatedly)
            finally:
                self.dht.stop_providing(key_from_room(self.room))

    async def _search_repeatedly(self) -> None:
        while True:
            await self._search()
            await self._rest()

    def provide_again(self) -> None:
        """Say anew that this node is a member: a server is here that may not know."""
        self._provided_at_s = None
        self.hurry()

    def peer_lost(self, peer_id: ID) -> None:
        """Search again soon when it was a member that went."""
        if peer_id in self._members:
            self.hurry()

    def hurry(self) -> None:
        """Search again soon."""
        self._backoff.reset()
        self._wake.set()

    async def _search(self) -> None:
        """One round; the boundary that keeps the search alive."""
        self._wake = trio.Event()
        try:
            key = key_from_room(self.room)
            self._members = {
                peer_id: self._members[peer_id] for peer_id in self._connected_members()
            }
            for info in self.dht.provider_store.get_providers(key):
                self._record_member(info)
            walk = await self.dht.walk_providers(key, self._record_member)
            await self._provide_if_due(key, walk)
        except Exception as error:
            self.rejections.count(RejectionReason.RENDEZVOUS_ROUND_FAILED)
            _log.warning("rendezvous round failed", room=self.room, error=repr(error))

    def _record_member(self, info: PeerInfo) -> None:
        if info.peer_id == self.dht.local_peer_id:
            return
        self._members[info.peer_id] = info
        if len(self._connected_members()) < ENOUGH_MEMBERS:
            self.queue_dial(info)

    async def _provide_if_due(self, key: bytes, walk: Walk) -> None:
        addresses = tuple(self.own_addresses())
        servers = walk.nearest()
        is_due = (
            self._provided_at_s is None
            or trio.current_time() - self._provided_at_s > PROVIDE_EVERY_S
            or addresses != self._provided_addresses
        )
        if not is_due:
            return
        self._provided_at_s = trio.current_time()
        self._provided_addresses = addresses
        announced = await self.dht.announce_providing(key, servers, addresses)
        if not announced:
            self._provided_at_s = None
        _log.debug("room provided", room=self.room, servers=announced)

    async def _rest(self) -> None:
        """Wait for the next round: seconds while lonely, minutes in company."""
        await trio.sleep(LEAST_REST_S)
        was_lonely = self._is_lonely()
        delay_s = self._backoff.next_delay_s()
        until_s = trio.current_time() + (min(delay_s, LONELY_MOST_S) if was_lonely else delay_s)
        while not self._wake.is_set() and (left_s := until_s - trio.current_time()) > 0:
            if self._is_lonely() and not was_lonely:
                self._backoff.reset()
                return
            with trio.move_on_after(min(left_s, LOOK_AGAIN_S)):
                await self._wake.wait()

    def _is_lonely(self) -> bool:
        return not self._connected_members()

    def _connected_members(self) -> list[ID]:
        return [
            peer_id for peer_id in self._members if self.dialler.is_connected(PeerId(str(peer_id)))
        ]

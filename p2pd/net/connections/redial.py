"""Peers that are held: dialled again for ever when they are lost.

``service`` names whom to hold; the registry reports when a held peer comes and goes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import structlog
import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from common.backoff import Backoff
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.advertised import bounded_addresses
from p2pd.net.connections.backoff import dial_backoff
from p2pd.net.connections.registry import Registry
from p2pd.net.relay.circuit import limit_of
from p2pd.tasks import run_guarded

log = structlog.get_logger(__name__)

MAX_HELD = 256
LASTING_S = 10.0
"""A connection that lived this long proves the peer well; a shorter one may be
refused again at once, and the backoff goes on where it was."""

LASTING_LIMITED_S = 0.5
"""Of a connection that a relay ends at its limit, however fast that is reached."""

Dial = Callable[[PeerInfo], Awaitable[bool]]


@dataclass(slots=True)
class _Held:
    info: PeerInfo
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    backoff: Backoff = field(default_factory=dial_backoff)
    gone: trio.Event = field(default_factory=trio.Event)
    trying: trio.CancelScope = field(default_factory=trio.CancelScope)
    came_s: float = 0.0
    is_limited: bool = False


class Redialler:
    """Hold up to 256 peers; for one more, the one named longest ago is released."""

    def __init__(
        self,
        dial: Dial,
        registry: Registry,
        rejections: Rejections,
        nursery: trio.Nursery,
        max_held: int = MAX_HELD,
    ) -> None:
        self._dial = dial
        self._max_held = max_held
        self._rejections = rejections
        self._registry = registry
        self._nursery = nursery
        self._held: dict[ID, _Held] = {}
        registry.on_peer_came.append(self._peer_came)
        registry.on_peer_went.append(self._peer_went)

    def hold(self, info: PeerInfo) -> None:
        """Hold a peer; one already held has the new addresses first, 16 at most in all."""
        held = self._held.pop(info.peer_id, None)
        if held is not None:
            self._held[info.peer_id] = held
            addresses = bounded_addresses([*info.addrs, *held.info.addrs])
            held.info = PeerInfo(info.peer_id, addresses)
            return
        self._make_room()
        held = self._held[info.peer_id] = _Held(info, came_s=trio.current_time())
        if info.peer_id not in self._registry:
            held.gone.set()
        self._nursery.start_soon(self._hold, held)

    def release(self, peer_id: ID) -> None:
        """Hold a peer no more."""
        held = self._held.pop(peer_id, None)
        if held is not None:
            held.scope.cancel()

    def holds(self, peer_id: ID) -> bool:
        """Return whether a peer is held."""
        return peer_id in self._held

    def hurry(self) -> None:
        """Dial every lost peer at once, as if nobody had been dialled in vain before."""
        for held in self._held.values():
            held.backoff.reset()
            held.trying.cancel()

    def _peer_came(self, peer_id: ID) -> None:
        """Stop dialling a held peer: it is connected."""
        if held := self._held.get(peer_id):
            held.gone = trio.Event()
            held.came_s = trio.current_time()
            held.is_limited = self._is_limited(peer_id)

    def _peer_went(self, peer_id: ID) -> None:
        """Begin to dial a held peer: it is lost."""
        if held := self._held.get(peer_id):
            lasting_s = LASTING_LIMITED_S if held.is_limited else LASTING_S
            if trio.current_time() - held.came_s >= lasting_s:
                held.backoff.reset()
            held.gone.set()

    def _is_limited(self, peer_id: ID) -> bool:
        opened = self._registry.connections_to(peer_id)
        return all(limit_of(each.connection).is_limited for each in opened)

    def _make_room(self) -> None:
        while len(self._held) >= self._max_held:
            named_longest_ago = next(iter(self._held))
            self._held.pop(named_longest_ago).scope.cancel()
            self._rejections.count(RejectionReason.REDIAL_OVER_LIMIT)

    async def _hold(self, held: _Held) -> None:
        with held.scope:
            await run_guarded("redial", partial(self._redial, held))

    async def _redial(self, held: _Held) -> None:
        while True:
            await held.gone.wait()
            with trio.CancelScope() as held.trying:
                await trio.sleep(held.backoff.next_delay_s())
                if held.gone.is_set() and await self._dial(held.info):
                    log.info("lost peer is back", peer_id=str(held.info.peer_id))

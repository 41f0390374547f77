"""A host that outlives its stream handlers and reports what identify learns.

Made by ``p2pd.net.host``; ``p2pd.net.connections`` listens to ``on_identified``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import structlog
import trio
from libp2p.abc import INetConn, INetStream
from libp2p.custom_types import StreamHandlerFn, TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.host.ping import ID as PING
from libp2p.host.ping import PingService
from libp2p.identity.identify.pb.identify_pb2 import Identify
from libp2p.identity.update import update_peerstore_from_identify
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.advertised import bounded_addresses
from p2pd.net.dial_failures import DialTotals
from p2pd.net.patches import identify
from p2pd.net.patches.announce import announced_addresses
from p2pd.net.patches.identify import IDENTIFY, IDENTIFY_PUSH, PeerIdentity
from p2pd.net.patches.swarm import NodeSwarm

log = structlog.get_logger(__name__)

PUSH_TIMEOUT_S = 5.0
"""For all peers together; a peer that is slower learns of the next change."""
RESET_TIMEOUT_S = 1.0
CHANGE_SETTLES_S = 0.1
"""Several protocols are often set in a row; that is one change."""


class NodeHost(BasicHost):
    """The stock host with patches 1, 21 and 37 of the list."""

    def __init__(
        self,
        swarm: NodeSwarm,
        *,
        agent: str,
        announce: Sequence[Multiaddr] | None,
        rejections: Rejections,
    ) -> None:
        self.agent = agent
        self.swarm = swarm
        self.on_identified: list[Callable[[ID], None]] = []
        self.on_observed: list[Callable[[INetConn, Multiaddr], None]] = []
        self._public: tuple[Multiaddr, ...] = ()
        self._refuted: frozenset[Multiaddr] = frozenset()
        self._announces_what_it_finds = announce is None
        self._relayed: tuple[Multiaddr, ...] = ()
        self._changed = trio.Event()
        self._rejections = rejections
        self._identities: dict[ID, PeerIdentity] = {}
        super().__init__(
            swarm,
            default_protocols=self._default_protocols(),
            addrs_factory=announced_addresses if announce is None else lambda _: list(announce),
            # ``p2pd.net.reachability`` counts what peers observe.
            disable_identify_address_discovery=True,
        )

    @property
    def dial_failures(self) -> DialTotals:
        """Why dials failed so far."""
        return self.swarm.dial_failures.totals

    def identity_of(self, peer_id: ID) -> PeerIdentity | None:
        """Return what a connected peer said of itself, None before it did."""
        return self._identities.get(peer_id)

    def get_addrs(self) -> list[Multiaddr]:
        """List where this node can be dialled; from the internet first, behind relays last.

        The library would cut a relayed address off at the relay's id. What peers found
        that they cannot dial is left out, unless there is nothing else.
        """
        direct: list[Multiaddr] = super().get_addrs()
        public = self._with_own_id(self._public)
        known = public + [each for each in direct if each not in public]
        refuted = self._with_own_id(tuple(self._refuted))
        relayed = self._with_own_id(self._relayed)
        return [each for each in known if each not in refuted] + relayed or known

    def set_public_addresses(self, addresses: Sequence[Multiaddr]) -> bool:
        """Announce these addresses beside the bound ones, each without this node's id.

        Nothing is added where the settings say what to announce.

        Returns:
            Whether they are others than before.
        """
        if not self._announces_what_it_finds or self._public == tuple(addresses):
            return False
        self._public = tuple(addresses)
        self.announce_change()
        return True

    def set_refuted_addresses(self, addresses: Iterable[Multiaddr]) -> bool:
        """Announce these addresses no more, each without this node's id.

        All are announced where the settings say what to announce.

        Returns:
            Whether they are others than before.
        """
        refuted = frozenset(addresses)
        if not self._announces_what_it_finds or self._refuted == refuted:
            return False
        self._refuted = refuted
        self.announce_change()
        return True

    def set_relayed_addresses(self, addresses: Sequence[Multiaddr]) -> bool:
        """Announce these relayed addresses, each without this node's id, from now on.

        Returns:
            Whether they are others than before.
        """
        if self._relayed == tuple(addresses):
            return False
        self._relayed = tuple(addresses)
        self.announce_change()
        return True

    def _with_own_id(self, addresses: Sequence[Multiaddr]) -> list[Multiaddr]:
        return [Multiaddr.join(each, f"/p2p/{self.get_id()}") for each in addresses]

    def announce_change(self) -> None:
        """Say that our protocols or addresses changed; peers are notified in a moment."""
        self._changed.set()

    async def push_changes(self) -> None:
        """Push each change (37) to every peer, for as long as the host runs."""
        while True:
            await self._changed.wait()
            await trio.sleep(CHANGE_SETTLES_S)
            self._changed = trio.Event()
            await self.push_identify()

    def set_stream_handler(self, protocol_id: TProtocol, stream_handler: StreamHandlerFn) -> None:
        """Serve one more protocol."""
        super().set_stream_handler(protocol_id, stream_handler)
        self.announce_change()

    def remove_stream_handler(self, protocol_id: TProtocol) -> None:
        """Serve one protocol less."""
        super().remove_stream_handler(protocol_id)
        self.announce_change()

    async def push_identify(self) -> None:
        """Push our protocols and addresses to every connected peer, to all at once."""
        with trio.move_on_after(PUSH_TIMEOUT_S):
            async with trio.open_nursery() as nursery:
                for peer_id, identity in tuple(self._identities.items()):
                    if IDENTIFY_PUSH in identity.protocols:
                        nursery.start_soon(self._push_to, peer_id)

    async def _push_to(self, peer_id: ID) -> None:
        # A new stream would dial a peer that has just been disconnected.
        if all(each.is_closed for each in self.swarm.get_connections(peer_id)):
            return
        try:
            await identify.push(self, self.agent, peer_id)
        # The peer may be going away; it will ask again when it is back.
        except Exception as error:
            log.debug("identify was not pushed", peer_id=str(peer_id), error=repr(error))

    def _default_protocols(self) -> OrderedDict[TProtocol, StreamHandlerFn]:
        return OrderedDict(
            (
                (IDENTIFY, self._reply_to_identify),
                (IDENTIFY_PUSH, self._handle_identify_push),
                (PING, PingService(self).handle_ping),
            )
        )

    async def _reply_to_identify(self, stream: INetStream) -> None:
        await identify.reply(self, self.agent, stream)

    async def _handle_identify_push(self, stream: INetStream) -> None:
        try:
            message = await identify.read(stream)
        except StreamError:
            raise
        # The parsers of malformed bytes raise what they like.
        except Exception as error:
            self._rejections.count(RejectionReason.IDENTIFY)
            log.debug("identify push malformed", error=repr(error))
            await stream.reset()
            return
        await self._learn(stream.muxed_conn.peer_id, message)
        self._report_observed_address(stream, message)
        await stream.close()

    async def _learn(self, peer_id: ID, message: Identify) -> None:
        if not self._network.get_connections(peer_id):
            return
        message.DiscardUnknownFields()
        bounded = identify.bounded_message(message)
        if bounded != message:
            self._rejections.count(RejectionReason.IDENTIFY_CUT)
        await update_peerstore_from_identify(self.peerstore, peer_id, bounded)
        self._identities[peer_id] = identify.identity_from_message(bounded)
        for report in self.on_identified:
            report(peer_id)

    async def _swarm_stream_handler(self, net_stream: INetStream) -> None:
        """Let a failing handler cost its own stream and nothing else (1)."""
        try:
            await super()._swarm_stream_handler(net_stream)
        # The boundary between the node and whatever a remote peer sends.
        except Exception as error:
            if not isinstance(error, StreamError):
                self._rejections.count(RejectionReason.STREAM_HANDLER)
            log.debug(
                "stream handler failed", protocol=net_stream.get_protocol(), error=repr(error)
            )
            with trio.move_on_after(RESET_TIMEOUT_S):
                await net_stream.reset()

    def _has_cached_protocols(self, peer_id: ID) -> bool:
        """Ask a peer again who it is each time it comes back: it may be new."""
        return peer_id in self._identities

    async def _identify_peer(self, peer_id: ID, *, reason: str) -> None:
        """Ask a peer who it is. Runs as a system task, so it must never raise."""
        try:
            stream = await self.new_stream(peer_id, [IDENTIFY])
            message = await identify.read(stream)
            await self._learn(peer_id, message)
            self._report_observed_address(stream, message)
            await stream.close()
        # A raising system task would end the process.
        except Exception as error:
            if self._network.get_connections(peer_id):
                self._rejections.count(RejectionReason.IDENTIFY)
            log.debug("identify failed", peer_id=str(peer_id), reason=reason, error=repr(error))

    def _report_observed_address(self, stream: INetStream, message: Identify) -> None:
        """Report where a peer sees this node, with the very connection it says so on."""
        observed = bounded_addresses([message.observed_addr])
        # A connection that is gone says nothing any more, and nobody would forget it.
        connections: Sequence[INetConn] = self._network.get_connections(stream.muxed_conn.peer_id)
        connection = next((c for c in connections if c.muxed_conn is stream.muxed_conn), None)
        if observed and connection is not None and not connection.is_closed:
            for report in self.on_observed:
                report(connection, observed[0])

    def _on_notifee_disconnected(self, conn: INetConn) -> None:
        super()._on_notifee_disconnected(conn)
        peer_id = conn.muxed_conn.peer_id
        if not self._network.get_connections(peer_id):
            self._identities.pop(peer_id, None)

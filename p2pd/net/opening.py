"""The network opened: each layer inside the lifetime of those that it stands on.

Used by ``p2pd.node``. What one layer asks of another is connected here and nowhere else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from p2pd.domain.directs import DirectReceiver
from p2pd.domain.rejections import Rejections
from p2pd.domain.verdicts import MessageReceiver
from p2pd.net.connections import Connections, open_connections
from p2pd.net.connections.trimmer import TrimRules
from p2pd.net.dht.serving import is_private_network
from p2pd.net.direct.service import DirectMessages, open_direct
from p2pd.net.discovery import Discovery, DiscoveryOptions, open_discovery
from p2pd.net.host import HostOptions, open_host
from p2pd.net.listener import NetworkListener, PeersWithRooms, RoomArrivals
from p2pd.net.network import Network, NetworkOptions, NetworkParts
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.pubsub.gossip import Gossip, GossipOptions, open_gossip
from p2pd.net.punch.handover import open_handover
from p2pd.net.punch.service import open_hole_punching
from p2pd.net.reachability.service import ReachabilityService, open_reachability
from p2pd.net.relay.client import RelayClient, RelayNeeds, open_relay_client
from p2pd.net.relay.service import RelayMode, RelaySwitch, open_relay_service
from p2pd.net.returning import open_returning


@dataclass(frozen=True, slots=True)
class _NetworkBase:
    """What everything else stands on."""

    host: NodeHost
    gossip: Gossip
    arrivals: RoomArrivals
    connections: Connections


@asynccontextmanager
async def open_network(
    options: NetworkOptions,
    receiver: MessageReceiver,
    direct_receiver: DirectReceiver,
    listener: NetworkListener,
    rejections: Rejections,
) -> AsyncIterator[Network]:
    """Run the network inside the block; leaving it closes every connection.

    Args:
        receiver: Stores what gossip brings.
        direct_receiver: Stores what peers send to this node alone.

    Raises:
        ListenError: An address cannot be listened on.
    """
    discovery_options = DiscoveryOptions(bootstrap=options.bootstrap, mdns=options.mdns)
    async with (
        open_returning(listener) as returning,
        _open_base(options, receiver, returning, rejections) as base,
        open_reachability(
            base.host, rejections, options.clock_ns, maps_ports=options.maps_ports
        ) as reachability,
        open_discovery(base.host, base.connections, discovery_options, rejections) as discovery,
        _open_relays(options, base, reachability, discovery, rejections) as relays,
        open_hole_punching(
            base.host, reachability.observed_addresses, rejections, is_on=options.hole_punching
        ) as hole_punches,
        open_handover(base.host, base.gossip.use_best_connection),
        _open_direct(options, base, discovery, direct_receiver, rejections) as direct,
    ):
        base.connections.recovery.on_recover += [
            discovery.addresses_changed,
            reachability.addresses_changed,
        ]
        _follow_reachability(reachability, discovery, is_private_network(options.bootstrap))
        yield Network(
            NetworkParts(
                base.host,
                base.gossip,
                base.arrivals,
                base.connections,
                reachability,
                discovery,
                *relays,
                hole_punches,
                direct,
            )
        )


@asynccontextmanager
async def _open_base(
    options: NetworkOptions,
    receiver: MessageReceiver,
    listener: NetworkListener,
    rejections: Rejections,
) -> AsyncIterator[_NetworkBase]:
    arrivals = RoomArrivals(listener)
    async with (
        open_host(_host_options(options), rejections) as host,
        open_gossip(
            host,
            receiver,
            arrivals,
            rejections,
            first_seqno=options.first_seqno,
            options=GossipOptions(clock_ns=options.clock_ns),
        ) as gossip,
        open_connections(
            host,
            PeersWithRooms(listener, gossip),
            rejections,
            gossip.hears,
            gossip.is_room_mate,
            options.machine.view,
            TrimRules(options.trim_above),
        ) as connections,
    ):
        yield _NetworkBase(host, gossip, arrivals, connections)


@asynccontextmanager
async def _open_relays(
    options: NetworkOptions,
    base: _NetworkBase,
    reachability: ReachabilityService,
    discovery: Discovery,
    rejections: Rejections,
) -> AsyncIterator[tuple[RelayClient, RelaySwitch]]:
    needs = _relay_needs(options, base.gossip, reachability, discovery)
    async with (
        open_relay_client(base.host, options.relays, needs, rejections) as client,
        open_relay_service(
            base.host,
            options.relay_mode,
            options.relay_limits,
            reachability.is_public,
            base.gossip.is_room_mate,
            rejections,
            options.clock_ns,
        ) as service,
    ):
        yield client, service


def _open_direct(
    options: NetworkOptions,
    base: _NetworkBase,
    discovery: Discovery,
    receiver: DirectReceiver,
    rejections: Rejections,
) -> AbstractAsyncContextManager[DirectMessages]:
    return open_direct(
        base.host,
        receiver,
        rejections,
        agent=options.agent,
        next_seqno=base.gossip.next_seqno,
        find=discovery.find,
        clock_ns=options.clock_ns,
    )


def _host_options(options: NetworkOptions) -> HostOptions:
    return HostOptions(
        options.key_pair,
        options.listen,
        announce=options.announce,
        agent=options.agent,
        certificate=options.certificate,
        limits=options.limits,
        private_dials=options.private_dials,
        transports=options.machine.transports,
        read_interfaces=options.machine.view.known_interfaces,
    )


def _follow_reachability(
    reachability: ReachabilityService, discovery: Discovery, is_private: bool
) -> None:
    """Announce new addresses in rooms, and serve the DHT where that is of use."""

    def follow() -> None:
        discovery.serve_dht(is_private or reachability.is_public())
        discovery.addresses_changed()

    reachability.on_change.append(follow)
    discovery.serve_dht(is_private or reachability.is_public())


def _relay_needs(
    options: NetworkOptions,
    gossip: Gossip,
    reachability: ReachabilityService,
    discovery: Discovery,
) -> RelayNeeds:
    return RelayNeeds(
        # A node that is set to relay is taken for one that others can dial.
        is_needed=lambda: options.relay_mode is not RelayMode.ON and not reachability.is_public(),
        is_preferred=gossip.is_room_mate,
        on_change=discovery.addresses_changed,
        look_around=discovery.look_around,
        clock_ns=options.clock_ns,
    )

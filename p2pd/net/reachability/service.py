"""Whether and where others can dial this node: evidence, verdict, announced addresses.

Opened by ``p2pd.net.opening``; relays and the DHT follow its verdict.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
import trio
from libp2p.abc import INetConn
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.domain.names import PeerId
from p2pd.domain.reach import (
    MAX_ADDRESSES,
    AddressReachability,
    EvidenceKind,
    PortMapping,
    Reachability,
    ReachabilityEvidence,
)
from p2pd.domain.rejections import Rejections
from p2pd.net.connections.notifee import ConnectionNotifee
from p2pd.net.patches.announce import announced_addresses
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.reachability.connections import direct_peer_ip, is_inbound, is_open_and_direct
from p2pd.net.reachability.dialled import DialledNetworks
from p2pd.net.reachability.endpoints import (
    Endpoint,
    endpoint_from_address,
    is_global,
)
from p2pd.net.reachability.mapping.ports import MappedPorts
from p2pd.net.reachability.observed import (
    Observation,
    ObservedAddresses,
    addresses_from_endpoints,
)
from p2pd.net.reachability.prober import REASK_S, Prober, ProberNeeds
from p2pd.net.reachability.server import AutonatServer
from p2pd.net.reachability.server_v2 import AddressServer
from p2pd.net.reachability.verdict import VOTE_LIFETIME_S, ReachabilityVerdict, votes_wanted
from p2pd.net.subscribers import subscriber_of
from p2pd.net.transports import transport_of
from p2pd.tasks import run_guarded

JUDGE_EVERY_S = 30.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_reachability(
    host: NodeHost,
    rejections: Rejections,
    clock_ns: Callable[[], int] = time.time_ns,
    *,
    maps_ports: bool = False,
) -> AsyncIterator[ReachabilityService]:
    """Watch and ask inside the block, and answer others who ask.

    Args:
        maps_ports: Whether the router is asked to forward the ports listened on.
    """
    service = ReachabilityService(host, rejections, clock_ns)
    notifee = ConnectionNotifee(service.connection_opened, service.connection_closed)
    async with trio.open_nursery() as nursery:
        host.on_observed.append(service.address_observed)
        host.on_identified.append(service.peer_identified)
        host.get_network().register_notifee(notifee)
        service.open()
        nursery.start_soon(run_guarded, "reachability prober", service.prober.run)
        nursery.start_soon(run_guarded, "votes on reachability", service.expire_votes)
        for task in service.ports.tasks if maps_ports else ():
            nursery.start_soon(run_guarded, "port mapping", task)
        try:
            yield service
        finally:
            service.close()
            host.get_network().remove_notifee(notifee)
            host.on_identified.remove(service.peer_identified)
            host.on_observed.remove(service.address_observed)
            nursery.cancel_scope.cancel()


class ReachabilityService:
    """All that is known of how the internet reaches this node.

    Attributes:
        on_change: Called after each change of the verdict or of the announced addresses.
    """

    def __init__(self, host: NodeHost, rejections: Rejections, clock_ns: Callable[[], int]) -> None:
        self.on_change: list[Callable[[], None]] = []
        self.server = AutonatServer(host, rejections)
        self.address_server = AddressServer(host, rejections)
        needs = ProberNeeds(
            self._candidates,
            self._missing_answers,
            self._missing_votes,
            self._count_answer,
            self._judge,
            clock_ns,
        )
        self.prober = Prober(host, needs, rejections)
        self.ports = MappedPorts(self._listening, self._mappings_changed, clock_ns)
        self._host = host
        self._clock_ns = clock_ns
        self._observed = ObservedAddresses()
        self._dialled = DialledNetworks()
        self._verdict = ReachabilityVerdict()
        self._reported = Reachability.UNKNOWN

    def open(self) -> None:
        """Offer the protocols of AutoNAT."""
        self.server.open()
        self.address_server.open()
        self.prober.checks.open()

    def close(self) -> None:
        """Offer them no more."""
        self.prober.checks.close()
        self.address_server.close()
        self.server.close()

    @property
    def dial_count(self) -> int:
        """How often this node has dialled a peer that asked whether it can be reached."""
        return self.server.dial_count + self.address_server.dial_count

    @property
    def reachability(self) -> Reachability:
        """The verdict."""
        return self._verdict.reachability

    @property
    def evidence(self) -> tuple[ReachabilityEvidence, ...]:
        """What speaks for or against it, oldest first, at most 16."""
        return self._verdict.evidence

    @property
    def port_mappings(self) -> tuple[PortMapping, ...]:
        """What the router forwards."""
        return self.ports.facts

    @property
    def addresses(self) -> tuple[AddressReachability, ...]:
        """What peers found out of each address that they were asked about, at most 16."""
        wanted = self._votes_wanted()
        return tuple(
            AddressReachability(
                address,
                transport.name if (transport := transport_of(Multiaddr(address))) else "",
                self._verdict.address_verdict(address, wanted),
            )
            for address in self._verdict.addresses()[:MAX_ADDRESSES]
        )

    def is_public(self) -> bool:
        """Return whether others are known to dial this node."""
        return self.reachability is Reachability.PUBLIC

    def observed_addresses(self) -> list[Multiaddr]:
        """List where peers see this node, at most eight, those that several agree on first.

        To be tried by a peer that punches a hole; not proven, without ``/p2p/ID``.
        """
        return addresses_from_endpoints(self._observed.candidates(self._listening()))

    def address_observed(self, connection: INetConn, address: Multiaddr) -> None:
        """Record where the peer of a connection sees this node."""
        ip, seen_at = direct_peer_ip(connection), endpoint_from_address(address)
        if ip is None or seen_at is None or not is_open_and_direct(connection):
            return
        self._observed.record(connection, Observation(ip, seen_at, is_inbound(connection)))
        self._judge()

    def connection_opened(self, connection: INetConn) -> None:
        """Count a peer that came from the internet as evidence, where it came unasked."""
        ip = direct_peer_ip(connection)
        if ip is None or not is_global(ip) or not is_open_and_direct(connection):
            return
        peer_id, group = connection.muxed_conn.peer_id, subscriber_of(ip)
        if not is_inbound(connection):
            self._dialled.add(group)
        elif group not in self._dialled and self._is_only(connection, peer_id):
            self._count_proof(peer_id, group)

    def connection_closed(self, connection: INetConn) -> None:
        """Forget what was observed on a connection."""
        self._observed.forget(connection)
        self._judge()

    def peer_identified(self, _peer_id: ID) -> None:
        """See whether a peer can be asked."""
        self.prober.look_again()

    def addresses_changed(self) -> None:
        """Drop what was found out: this machine can be in another network now."""
        self.ports.addresses_changed()
        self._verdict.clear()
        self._mappings_changed()

    async def expire_votes(self) -> None:
        """Judge anew as votes expire."""
        while True:
            await trio.sleep(JUDGE_EVERY_S)
            self._judge()

    def _mappings_changed(self) -> None:
        """Ask peers anew, since what they said was of other addresses."""
        self._verdict.clear()
        first = {each.version: each for each in reversed(self.ports.externals())}
        for version, mapped in first.items():
            evidence = ReachabilityEvidence(
                kind=EvidenceKind.PORT_MAPPING,
                is_reachable=True,
                time_ns=self._clock_ns(),
                address=str(mapped.address()),
            )
            self._verdict.add(f"router {version}", evidence, trio.current_time())
        self.prober.ask_anew()
        self._judge()

    def _is_only(self, connection: INetConn, peer_id: ID) -> bool:
        """Return whether a peer has no other connection that could have led it here."""
        return all(each is connection for each in self._host.swarm.get_connections(peer_id))

    def _count_proof(self, peer_id: ID, group: str) -> None:
        evidence = ReachabilityEvidence(
            kind=EvidenceKind.INBOUND_CONNECTION,
            is_reachable=True,
            time_ns=self._clock_ns(),
            peer_id=PeerId(str(peer_id)),
        )
        self._count_answer(group, evidence)

    def _count_answer(self, group: str, evidence: ReachabilityEvidence, about: str = "") -> None:
        self._verdict.add(f"{evidence.kind.value} {group}", evidence, trio.current_time(), about)
        self._judge()

    def _missing_answers(self) -> int:
        """Count the answers that lack for a verdict, or are too old."""
        fresh = self._verdict.fresh_answers(trio.current_time(), REASK_S)
        return self._votes_wanted() - fresh

    def _missing_votes(self, group: str, address: str) -> int:
        """Count the votes on an address that lack, or are too old; none of who has voted."""
        voters = self._verdict.fresh_voters(address, trio.current_time(), REASK_S)
        if f"{EvidenceKind.AUTONAT.value} {group}" in voters:
            return 0
        return self._votes_wanted() - len(voters)

    def _is_complete(self) -> bool:
        """Return whether no address is left of which the first answer is still to come."""
        now_s = trio.current_time()
        return not any(
            self.prober.may_be_answered(str(each))
            and not self._verdict.fresh_voters(str(each), now_s, VOTE_LIFETIME_S)
            for each in self._candidates()
        )

    def _judge(self) -> None:
        before = self._reported
        self._reported = after = self._verdict.judge(
            trio.current_time(), self._votes_wanted(), is_complete=self._is_complete()
        )
        is_announced_anew = self._host.set_public_addresses(self._public_addresses())
        is_announced_anew |= self._host.set_refuted_addresses(self._refuted())
        if after is not before:
            log.info("reachability", verdict=after.value)
        if after is not before or is_announced_anew:
            for report in self.on_change:
                report()

    def _votes_wanted(self) -> int:
        return votes_wanted(len(self.prober.observers()))

    def _public_addresses(self) -> list[Multiaddr]:
        """Choose what to announce, mapped addresses unless peers found that they do not work.

        Once this node is public, also where enough peers see it.
        """
        mapped = [] if self.reachability is Reachability.PRIVATE else self.ports.externals()
        confirmed = (
            self._observed.confirmed(self.ports.without_mapped(self._listening()))
            if self.is_public()
            else []
        )
        return addresses_from_endpoints(dict.fromkeys([*mapped, *confirmed]))

    def _refuted(self) -> list[Multiaddr]:
        """List the addresses at which peers found nobody."""
        return [
            Multiaddr(each.address)
            for each in self.addresses
            if each.reachability is Reachability.PRIVATE
        ]

    def _candidates(self) -> list[Multiaddr]:
        """List where this node may be dialled from the internet, the likeliest first."""
        own = [each for each in self._announceable() if each.is_global]
        seen = self._observed.candidates(self.ports.without_mapped(self._listening()))
        return addresses_from_endpoints(dict.fromkeys([*self.ports.externals(), *own, *seen]))

    def _announceable(self) -> list[Endpoint]:
        addresses = announced_addresses(self._host.get_transport_addrs())
        return [each for each in map(endpoint_from_address, addresses) if each is not None]

    def _listening(self) -> list[Endpoint]:
        """List the listeners that others than this machine can reach, each port once."""
        found = map(endpoint_from_address, self._host.get_transport_addrs())
        reachable = [each for each in found if each is not None and not each.ip.startswith("127.")]
        return [each for each in reachable if each.ip != "::1"]

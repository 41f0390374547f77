"""Where this node is seen, by honest peers and by liars."""

from __future__ import annotations

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.identity.identify.pb.identify_pb2 import Identify
from libp2p.peer.peerinfo import PeerInfo
from libp2p.utils.varint import encode_uvarint
from multiaddr import Multiaddr

from p2pd.domain.rejections import Rejections
from p2pd.net.host import HostOptions, open_host
from p2pd.net.patches.identify import IDENTIFY_PUSH
from p2pd.net.reachability.endpoints import Endpoint, endpoint_from_address
from p2pd.net.reachability.observed import Observation, ObservedAddresses
from p2pd.net.streams.opened import open_stream
from tests.driver.waiting import wait_until_async

OURS = "11.0.0.1"
OBSERVERS = {"a": "11.0.1.1", "b": "11.0.1.2", "c": "11.0.1.3", "liar": "11.6.6.1"}
OBSERVERS |= {"l1": "11.6.6.2", "l2": "11.6.6.3", "near": "192.168.1.2", "next": "192.168.1.3"}
LISTENING = [Endpoint("0.0.0.0", "tcp", 4001), Endpoint("0.0.0.0", "tcp", 4002, "/ws")]


def seen(
    observer: str, ip: str = OURS, port: int = 50000, *, is_inbound: bool = False
) -> Observation:
    return Observation(OBSERVERS[observer], Endpoint(ip, "tcp", port), is_inbound)


def observed(*observations: Observation) -> ObservedAddresses:
    addresses = ObservedAddresses()
    for number, observation in enumerate(observations):
        addresses.record(number, observation)
    return addresses


def test_address_is_confirmed_by_two_networks_at_the_ports_listened_on() -> None:
    addresses = observed(seen("a"), seen("b", port=50001))
    assert addresses.confirmed(LISTENING) == [
        Endpoint(OURS, "tcp", 4001),
        Endpoint(OURS, "tcp", 4002, "/ws"),
    ]


def test_one_network_confirms_nothing_with_many_connections() -> None:
    addresses = observed(*(seen("liar") for _ in range(20)))
    assert addresses.confirmed(LISTENING) == []
    assert addresses.candidates(LISTENING)  # worth a try of a hole, no more


def test_two_liars_do_not_outvote_the_others() -> None:
    liars = [seen(group, "11.6.6.6") for group in ("l1", "l2")]
    honest = [seen(group) for group in ("a", "b", "c")]
    assert observed(*liars, *honest).confirmed_ips() == [OURS]
    assert observed(*liars, *honest[:2]).confirmed_ips() == []


def test_what_a_closed_connection_reported_does_not_count() -> None:
    addresses = observed(seen("a"), seen("b"))
    addresses.forget(1)
    assert addresses.confirmed(LISTENING) == []


def test_port_that_peers_dialled_is_taken_before_the_port_listened_on() -> None:
    addresses = observed(*(seen(group, port=9000, is_inbound=True) for group in ("a", "b")))
    assert addresses.confirmed(LISTENING)[0] == Endpoint(OURS, "tcp", 9000)


def test_private_address_is_no_observation() -> None:
    assert observed(seen("a", "10.0.0.1"), seen("b", "10.0.0.1")).candidates(LISTENING) == []


def test_peers_of_the_local_network_do_not_say_how_the_internet_sees_this_node() -> None:
    assert observed(seen("near"), seen("next")).candidates(LISTENING) == []


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("/ip4/11.0.0.1/tcp/4001", Endpoint("11.0.0.1", "tcp", 4001)),
        ("/ip4/11.0.0.1/tcp/4002/ws", Endpoint("11.0.0.1", "tcp", 4002, "/ws")),
        ("/ip6/2001:db8::1/udp/4001/quic-v1", Endpoint("2001:db8::1", "udp", 4001, "/quic-v1")),
        ("/dns4/example.org/tcp/4001", None),
        ("/ip4/11.0.0.1", None),
    ],
)
def test_address_is_read_as_an_endpoint(text: str, endpoint: Endpoint | None) -> None:
    read = endpoint_from_address(Multiaddr(text))
    assert read == endpoint
    assert read is None or str(read.address()) == text


@pytest.mark.trio
async def test_report_counts_for_the_connection_that_it_came_on() -> None:
    listen = ("/ip4/127.0.0.1/tcp/0",)
    reported: list[tuple[object, str]] = []
    async with (
        open_host(HostOptions(create_new_key_pair(), listen), Rejections()) as host,
        open_host(HostOptions(create_new_key_pair(), listen), Rejections()) as peer,
    ):
        own = host.get_transport_addrs()
        await peer.connect(PeerInfo(host.get_id(), own))
        second = await peer.swarm.dial_addr(own[0], host.get_id())
        host.on_observed.append(lambda at, address: reported.append((at, str(address))))
        stream = await open_stream(peer, second, IDENTIFY_PUSH)
        message = Identify(observed_addr=Multiaddr(f"/ip4/{OURS}/tcp/4001").to_bytes())
        encoded = message.SerializeToString()
        await stream.write(encode_uvarint(len(encoded)) + encoded)

        async def seen() -> list[object]:
            return [at for at, address in reported if OURS in address]

        (connection,) = await wait_until_async(seen)
        assert connection is host.swarm.get_connections(peer.get_id())[1]

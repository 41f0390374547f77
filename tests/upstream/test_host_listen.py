"""A host listens where it was told to, or says that it cannot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import trio
from libp2p import new_host
from libp2p.abc import IHost
from libp2p.crypto.ed25519 import create_new_key_pair
from multiaddr import Multiaddr

from p2pd.domain.rejections import Rejections
from p2pd.net.errors import ListenError
from p2pd.net.host import HostOptions, open_host
from p2pd.net.transports.certificate import WebsocketCertificate
from tests.p2pd.net.transports.certificates import write_certificate
from tests.upstream.defect import defect
from tests.upstream.diallers import dialler
from tests.upstream.stacks import STOCK, Stack, connect, peer_info
from tests.upstream.waiting import wait_seen

TCP = "/ip4/127.0.0.1/tcp/0"
WEBSOCKET = "/ip4/127.0.0.1/tcp/0/ws"


def ports_of(host: IHost) -> list[str]:
    return [str(address.value_for_protocol("tcp")) for address in host.get_addrs()]


@defect(15, "TCP and WebSocket share a port, and a slow dial is taken for the other")
async def test_tcp_and_websocket_listen_on_ports_of_their_own(stack: Stack) -> None:
    async with stack.host(listen=[TCP, WEBSOCKET]) as host:
        ports = ports_of(host)
        assert len(ports) == len(set(ports)) == 2, ports


@defect(17, "a port in use is passed over in silence")
async def test_port_in_use_is_an_error(stack: Stack) -> None:
    with trio.socket.socket() as other:
        await other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"/ip4/127.0.0.1/tcp/{other.getsockname()[1]}"
        assert await refuses_to_listen(stack, address)


@defect(17, "two hosts share a port, and each gets a part of the connections")
async def test_port_of_another_host_is_an_error(stack: Stack) -> None:
    async with stack.host() as host:
        address = str(peer_info(host).addrs[0])
        assert await refuses_to_listen(stack, address)


async def refuses_to_listen(stack: Stack, address: str) -> bool:
    try:
        async with stack.host(listen=[address]):
            return False
    except ListenError as error:
        return "Address already in use" in str(error)


@defect(41, "0.0.0.0 is told to others as an address to dial")
async def test_wildcard_is_announced_as_real_addresses(stack: Stack) -> None:
    async with stack.host(listen=["/ip4/0.0.0.0/tcp/0"]) as host:
        addresses = [str(address) for address in host.get_addrs()]
        assert addresses
        assert not [each for each in addresses if "/0.0.0.0/" in each], addresses


@defect(70, "with a certificate for WebSocket over TLS, plain WebSocket is served over TLS")
async def test_plain_websocket_stays_plain_beside_tls(stack: Stack) -> None:
    with TemporaryDirectory() as directory:
        certificate = WebsocketCertificate(*write_certificate(Path(directory)))
        async with host_with_certificate(stack, certificate) as host:
            port = int(ports_of(host)[0])
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await stream.receive_some(8)).startswith(b"HTTP/1.1")


@asynccontextmanager
async def host_with_certificate(
    stack: Stack, certificate: WebsocketCertificate
) -> AsyncIterator[IHost]:
    if stack.is_ours:
        options = HostOptions(create_new_key_pair(), (WEBSOCKET,), certificate=certificate)
        async with open_host(options, Rejections()) as ours:
            yield ours
    else:
        addresses = [Multiaddr(WEBSOCKET)]
        stock = new_host(listen_addrs=addresses, tls_server_config=certificate.context())
        async with stock.run(listen_addrs=addresses):
            yield stock


@defect(40, "a WebSocket connection is called TCP, or nothing at all")
async def test_websocket_connection_tells_its_transport(stack: Stack) -> None:
    async with stack.host(listen=[WEBSOCKET]) as host, stack.host(listen=[WEBSOCKET]) as other:
        async with dialler(stack, other) as dial:
            assert await dial(peer_info(host))
        await wait_seen(host.get_connected_peers)
        for each in (host, other):
            (connection,) = each.get_network().get_connections()
            addresses = [str(each) for each in connection.get_transport_addresses()]
            assert [each.endswith("/ws") for each in addresses] == [True], addresses


@defect(40, "an IPv6 connection has no address")
async def test_ipv6_connection_tells_its_address(stack: Stack) -> None:
    async with stack.host(listen=["/ip6/::1/tcp/0"]) as host, STOCK.host() as other:
        await connect(other, host)
        await wait_seen(host.get_connected_peers)
        (connection,) = host.get_network().get_connections()
        assert [str(each) for each in connection.get_transport_addresses()]

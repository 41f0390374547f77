"""A node returns to its bootstrap peers, however often they go."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from functools import partial

import dns.asyncresolver
import dns.message
import dns.resolver
import dns.rrset
import pytest
import trio
import trio.testing
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID

from p2pd.errors import InvalidInputError
from p2pd.net.addresses import peer_info_from_text
from p2pd.net.discovery import DiscoveryOptions, open_discovery
from p2pd.net.discovery.bootstrap import hold_bootstrap_peers
from tests.p2pd.net.discovery.nodes import open_node, run_node

SCENARIO_TIMEOUT_S = 120
PEER_ID = "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"
StockResolver = dns.asyncresolver.Resolver


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        with trio.fail_after(SCENARIO_TIMEOUT_S):
            await scenario()

    trio.run(bounded)


def free_port() -> int:
    with socket.socket() as claim:
        claim.bind(("127.0.0.1", 0))
        return int(claim.getsockname()[1])


def test_a_bootstrap_peer_that_is_there_later_is_reached() -> None:
    async def scenario() -> None:
        key_pair = create_new_key_pair()
        listen = f"/ip4/127.0.0.1/tcp/{free_port()}"
        address = f"{listen}/p2p/{ID.from_pubkey(key_pair.public_key)}"
        async with open_node([address]) as node:
            await trio.testing.wait_all_tasks_blocked(0.05)
            async with open_node(key_pair=key_pair, listen=[listen]) as bootstrap:
                await node.wait_connected(bootstrap)

    run(scenario)


def test_a_bootstrap_peer_that_restarts_is_reached_again() -> None:
    async def scenario() -> None:
        key_pair = create_new_key_pair()
        listen = f"/ip4/127.0.0.1/tcp/{free_port()}"
        async with trio.open_nursery() as nursery:
            before = await nursery.start(run_node, key_pair, [listen])
            async with open_node(before.node.addresses) as node:
                await node.wait_connected(before.node)
                await before.stop()
                await node.wait_disconnected(before.node.peer_id)
                after = await nursery.start(run_node, key_pair, [listen])
                await node.wait_connected(after.node)
                await after.stop()

    run(scenario)


def test_a_bootstrap_address_may_name_a_host() -> None:
    async def scenario() -> None:
        async with open_node() as bootstrap:
            address = bootstrap.addresses[0].replace("/ip4/127.0.0.1/", "/dns4/localhost/")
            async with open_node([address]) as node:
                await node.wait_connected(bootstrap)

    run(scenario)


def test_a_bootstrap_address_may_be_a_dnsaddr(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with open_node() as bootstrap, trio.open_nursery() as nursery:
            texts = {"_dnsaddr.example.org.": f"dnsaddr={bootstrap.addresses[0]}"}
            port = await nursery.start(serve_texts, texts)
            monkeypatch.setattr(dns.asyncresolver, "Resolver", partial(local_resolver, port))
            async with open_node([f"/dnsaddr/example.org/p2p/{bootstrap.peer_id}"]) as node:
                await node.wait_connected(bootstrap)
            nursery.cancel_scope.cancel()

    run(scenario)


def test_a_machine_that_has_no_name_server_dials_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none_configured() -> dns.asyncresolver.Resolver:
        raise dns.resolver.NoResolverConfiguration

    async def scenario() -> None:
        stranger = ID.from_pubkey(create_new_key_pair().public_key)
        async with open_node() as bootstrap, open_node() as node, trio.open_nursery() as nursery:
            monkeypatch.setattr(dns.asyncresolver, "Resolver", none_configured)
            addresses = [f"/dnsaddr/example.org/p2p/{stranger}", bootstrap.addresses[0]]
            infos = [peer_info_from_text(address) for address in addresses]
            nursery.start_soon(hold_bootstrap_peers, infos, node.connections)
            await node.wait_connected(bootstrap)
            nursery.cancel_scope.cancel()

    run(scenario)


def local_resolver(port: int) -> dns.asyncresolver.Resolver:
    resolver = StockResolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = port
    return resolver


async def serve_texts(texts: dict[str, str], task_status: trio.TaskStatus[int]) -> None:  # type: ignore[name-defined]
    """Be a name server that knows some TXT records."""
    server = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    await server.bind(("127.0.0.1", 0))
    task_status.started(server.getsockname()[1])
    while True:
        packet, asker = await server.recvfrom(4096)
        query = dns.message.from_wire(packet)
        (question,) = query.question
        reply = dns.message.make_response(query)
        text = f'"{texts[question.name.to_text()]}"'
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "TXT", text))
        await server.sendto(reply.to_wire(), asker)


def test_bootstrap_addresses_that_lead_nowhere_cost_the_others_nothing() -> None:
    async def scenario() -> None:
        stranger = ID.from_pubkey(create_new_key_pair().public_key)
        async with open_node() as bootstrap:
            wrong_id = bootstrap.addresses[0].rpartition("/")[0] + f"/{stranger}"
            nowhere = [
                f"/ip4/127.0.0.1/tcp/{free_port()}/p2p/{stranger}",
                f"/dns4/no-such-host.invalid/tcp/4001/p2p/{stranger}",
                f"/dnsaddr/no-such-host.invalid/p2p/{stranger}",
                f"/ip4/127.0.0.1/udp/{free_port()}/quic-v1/p2p/{stranger}",
                wrong_id,
            ]
            async with open_node([*nowhere, bootstrap.addresses[0]]) as node:
                await node.wait_connected(bootstrap)
                await trio.testing.wait_all_tasks_blocked(0.05)
                assert [peer.peer_id for peer in node.connections.peers()] == [bootstrap.peer_id]

    run(scenario)


def test_ones_own_address_among_the_bootstrap_addresses_is_no_harm() -> None:
    async def scenario() -> None:
        key_pair = create_new_key_pair()
        listen = f"/ip4/127.0.0.1/tcp/{free_port()}"
        own = f"{listen}/p2p/{ID.from_pubkey(key_pair.public_key)}"
        async with (
            open_node() as bootstrap,
            open_node([own, *bootstrap.addresses], key_pair=key_pair, listen=[listen]) as node,
        ):
            await node.wait_connected(bootstrap)
            assert node.heard.connected == [bootstrap.peer_id]

    run(scenario)


@pytest.mark.parametrize("address", ["nonsense", "/ip4/127.0.0.1/tcp/4001", f"/p2p/{PEER_ID}"])
def test_a_bootstrap_address_that_cannot_be_dialled_is_named_at_the_start(address: str) -> None:
    async def scenario() -> None:
        async with open_node() as node:
            options = DiscoveryOptions(bootstrap=(address,))
            with pytest.raises(InvalidInputError) as caught:
                async with open_discovery(node.host, node.connections, options, node.rejections):
                    pass
            assert caught.value.field == "bootstrap"

    run(scenario)

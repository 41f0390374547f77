"""Names in addresses are resolved through every record, within bounds."""

from __future__ import annotations

from collections.abc import Mapping

import dns.asyncresolver
import dns.message
import dns.rrset
import pytest
import trio
from multiaddr import Multiaddr

from p2pd.net.discovery.resolving import MAX_ADDRESSES, resolve

ID = "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"
OTHER_ID = "QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"


class Zone:
    """TXT records by name, as ``resolve`` asks for them."""

    def __init__(self, texts: Mapping[str, list[str]]) -> None:
        self.texts = texts
        self.asked: list[str] = []

    async def __call__(self, name: str) -> list[str]:
        self.asked.append(name)
        if name not in self.texts:
            raise LookupError(name)
        return self.texts[name]


def resolved(address: str, texts: Mapping[str, list[str]]) -> list[str]:
    async def run() -> list[str]:
        return [str(found) for found in await resolve(Multiaddr(address), Zone(texts))]

    return trio.run(run)


def test_an_address_without_a_name_is_itself() -> None:
    address = f"/ip4/192.0.2.7/tcp/4001/p2p/{ID}"
    assert resolved(address, {}) == [address]


def test_dnsaddr_is_followed_to_the_peer_it_names() -> None:
    texts = {
        "_dnsaddr.example.org": [
            f"dnsaddr=/dnsaddr/near.example.org/p2p/{ID}",
            f"dnsaddr=/ip4/192.0.2.8/tcp/4001/p2p/{OTHER_ID}",
            "v=spf1 -all",
            "dnsaddr=no address",
        ],
        "_dnsaddr.near.example.org": [
            f"dnsaddr=/ip4/192.0.2.7/tcp/4001/p2p/{ID}",
            f"dnsaddr=/ip6/2001:db8::7/tcp/4001/p2p/{ID}",
        ],
    }
    assert resolved(f"/dnsaddr/example.org/p2p/{ID}", texts) == [
        f"/ip4/192.0.2.7/tcp/4001/p2p/{ID}",
        f"/ip6/2001:db8::7/tcp/4001/p2p/{ID}",
    ]


def test_a_name_that_leads_to_itself_ends() -> None:
    texts = {"_dnsaddr.example.org": ["dnsaddr=/dnsaddr/example.org"] * 3}
    assert resolved("/dnsaddr/example.org", texts) == []


def test_a_name_that_leads_to_too_much_is_cut() -> None:
    many = [f"dnsaddr=/ip4/192.0.2.7/tcp/{port}/p2p/{ID}" for port in range(1, 100)]
    assert len(resolved("/dnsaddr/example.org", {"_dnsaddr.example.org": many})) == MAX_ADDRESSES


def test_a_name_that_is_not_there_leads_nowhere() -> None:
    assert resolved(f"/dnsaddr/example.org/p2p/{ID}", {}) == []
    assert resolved(f"/dns4/no-such-host.invalid/tcp/4001/p2p/{ID}", {}) == []


@pytest.mark.parametrize("kind", ["dns", "dns4"])
def test_a_host_name_is_resolved_by_the_system(kind: str) -> None:
    found = resolved(f"/{kind}/localhost/tcp/4001/ws/p2p/{ID}", {})
    assert f"/ip4/127.0.0.1/tcp/4001/ws/p2p/{ID}" in found


def test_txt_records_are_asked_of_a_dns_server(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"/ip4/192.0.2.7/tcp/4001/p2p/{ID}"

    async def run() -> list[Multiaddr]:
        server = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
        await server.bind(("127.0.0.1", 0))
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = server.getsockname()[1]
        monkeypatch.setattr(dns.asyncresolver, "default_resolver", resolver)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_answer_one, server, address)
            return await resolve(Multiaddr(f"/dnsaddr/example.org/p2p/{ID}"))

    assert [str(found) for found in trio.run(run)] == [address]


async def _answer_one(server: trio.socket.SocketType, address: str) -> None:
    packet, asker = await server.recvfrom(4096)
    query = dns.message.from_wire(packet)
    (question,) = query.question
    reply = dns.message.make_response(query)
    # In two strings, as a long record must be.
    half = len(address) // 2
    text = f'"dnsaddr={address[:half]}" "{address[half:]}"'
    reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "TXT", text))
    await server.sendto(reply.to_wire(), asker)

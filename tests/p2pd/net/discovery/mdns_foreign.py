"""Run on a machine of ``lan``: a peer whose mDNS is written as js and rust have it.

Answers with PTR and TXT records alone, one TXT record an address, and without
SRV, A or AAAA. Asks each second, and prints ``told ADDRESS`` for what it reads
in others' answers, ``id ID`` and ``connected ID`` like ``mdns_peer``.

Args (of the program): this machine's address; ``answers`` or ``additional``,
the section in which the TXT records are sent.
"""

from __future__ import annotations

import socket
import struct
import sys

import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import trio
from libp2p.abc import IHost

from tests.upstream.stacks import STOCK

GROUP = "224.0.0.251"
PORT = 5353
SERVICE = dns.name.from_text("_p2p._udp.local.")
NAME = dns.name.from_text("f0reignf0reignf0reignf0reignf0reign._p2p._udp.local.")
TTL_S = 120


def open_socket(address: str) -> trio.socket.SocketType:
    """Open the mDNS port on one interface."""
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    plain.bind(("", PORT))
    own = socket.inet_aton(address)
    member = struct.pack("4s4s", socket.inet_aton(GROUP), own)
    plain.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    plain.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
    return trio.socket.from_stdlib_socket(plain)


def answer(addresses: list[str], section: str) -> bytes:
    """Write what js (in the answers) or rust (in the additional records) would."""
    message = dns.message.Message(id=0)
    message.flags = dns.flags.QR | dns.flags.AA
    message.answer.append(dns.rrset.from_rdata(SERVICE, TTL_S, _pointer()))
    texts = [dns.rrset.from_text(NAME, TTL_S, "IN", "TXT", f'"dnsaddr={a}"') for a in addresses]
    (message.answer if section == "answers" else message.additional).extend(texts)
    return message.to_wire()


def _pointer() -> dns.rdata.Rdata:
    return dns.rdata.from_text("IN", "PTR", NAME.to_text())


def addresses_told(message: dns.message.Message) -> set[str]:
    """Read the addresses as js and rust do: strings that begin with ``dnsaddr=``."""
    is_peer = any(
        rrset.rdtype == dns.rdatatype.PTR and rrset.name == SERVICE for rrset in message.answer
    )
    records = [*message.answer, *message.additional] if is_peer else []
    texts = [rdata for rrset in records if rrset.rdtype == dns.rdatatype.TXT for rdata in rrset]
    strings = [string.decode() for text in texts for string in text.strings]
    return {each.removeprefix("dnsaddr=") for each in strings if each.startswith("dnsaddr=")}


async def listen(sock: trio.socket.SocketType, own: list[str], section: str) -> None:
    """Answer questions and print what is told."""
    told = set(own)
    while True:
        packet, _ = await sock.recvfrom(9000)
        # Multicast DNS compresses names where dnspython, strict, forbids it.
        message = dns.message.from_wire(packet, continue_on_error=True)
        if not message.flags & dns.flags.QR:
            if any(question.name == SERVICE for question in message.question):
                await sock.sendto(answer(own, section), (GROUP, PORT))
            continue
        for address in addresses_told(message) - told:
            told.add(address)
            print(f"told {address}")


async def ask(sock: trio.socket.SocketType) -> None:
    """Ask who is there, each second."""
    query = dns.message.make_query(SERVICE, dns.rdatatype.PTR)
    query.flags = 0
    while True:
        await sock.sendto(query.to_wire(), (GROUP, PORT))
        await trio.sleep(1)


async def tell_connected(host: IHost) -> None:
    """Print each new connection."""
    told: set[str] = set()
    while True:
        for peer_id in {str(peer_id) for peer_id in host.get_connected_peers()} - told:
            told.add(peer_id)
            print(f"connected {peer_id}")
        await trio.sleep(0.05)


async def main(address: str, section: str) -> None:
    """Run until terminated."""
    async with STOCK.host(listen=[f"/ip4/{address}/tcp/0"]) as host, trio.open_nursery() as nursery:
        unknown = ("udp/1/quic-v1", "udp/1/quic-v1/webtransport", "sctp/1", "nothing/1")
        own = [
            *(f"/ip4/{address}/{transport}/p2p/{host.get_id()}" for transport in unknown),
            f"/ip4/{address}/tcp/1/p2p/{host.get_id()}",
            *map(str, host.get_addrs()),
        ]
        sock = open_socket(address)
        print(f"id {host.get_id()}")
        nursery.start_soon(listen, sock, own, section)
        nursery.start_soon(ask, sock)
        nursery.start_soon(tell_connected, host)


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])

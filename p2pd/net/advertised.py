"""What a peer says of itself, cut to size where it comes in. Pure.

Called by whatever reads identify, peer records, DHT answers and mDNS. The bounds
are of bytes, since what is stored here goes into every list of peers and into the
first event of every stream.
"""

from __future__ import annotations

from collections.abc import Iterable

from multiaddr import Multiaddr

MAX_AGENT_BYTES = 256
MAX_PROTOCOL_BYTES = 128
MAX_PROTOCOLS_BYTES = 2048
MAX_ADDRESSES = 16
MAX_ADDRESS_CHARS = 256
"""Of one address as text; one over a relay with a certificate's hash has about 200."""
MAX_RECORD_BYTES = 8 * 1024
"""Of a signed peer record; one with 16 addresses has about 2 KiB."""


def bounded_agent(agent: str | bytes) -> str:
    """Return the printable part of an agent's name, at most 256 bytes of UTF-8."""
    return _bounded_text(agent, MAX_AGENT_BYTES)


def bounded_protocols(names: Iterable[str | bytes]) -> tuple[str, ...]:
    """Return protocol names of at most 128 bytes each and 2 KiB together, each once.

    A name that does not fit any more is left out, and a shorter one behind it not.
    """
    bounded: dict[str, None] = {}
    left = MAX_PROTOCOLS_BYTES
    for name in names:
        text = _bounded_text(name, MAX_PROTOCOL_BYTES)
        size = len(text.encode())
        if text and text not in bounded and size <= left:
            bounded[text] = None
            left -= size
    return tuple(bounded)


def bounded_addresses(addresses: Iterable[Multiaddr | bytes]) -> list[Multiaddr]:
    """Return at most 16 addresses that can be read and written, each of bounded length.

    An address of a transport that this node cannot dial stays: others can. One with
    a protocol that cannot even be named is left out.
    """
    bounded: dict[Multiaddr, None] = {}
    for raw in addresses:
        address = _readable_address(raw)
        if address is not None:
            bounded[address] = None
        if len(bounded) == MAX_ADDRESSES:
            break
    return list(bounded)


def _readable_address(raw: Multiaddr | bytes) -> Multiaddr | None:
    size = len(raw if isinstance(raw, bytes) else raw.to_bytes())
    if not 0 < size <= MAX_ADDRESS_CHARS:
        return None
    try:
        address = Multiaddr(raw) if isinstance(raw, bytes) else raw
        text = str(address)
        is_named = bool(text) and bool(tuple(address.protocols()))
    # The parser lets whatever its codecs raise out.
    except Exception:
        return None
    return address if is_named and text.isprintable() and len(text) <= MAX_ADDRESS_CHARS else None


def _bounded_text(text: str | bytes, max_bytes: int) -> str:
    """Cut text between two characters; protobuf passes malformed UTF-8 on as bytes."""
    beginning = text[: 4 * max_bytes]
    if isinstance(beginning, bytes):
        beginning = beginning.decode(errors="replace")
    printable = "".join(char for char in beginning if char.isprintable())
    return printable.encode()[:max_bytes].decode(errors="ignore")

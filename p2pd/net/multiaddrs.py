"""Multiaddrs as text, without libp2p: quick to import for settings and checks.

Called by the program's settings and by ``addresses``.
"""

from __future__ import annotations

from collections.abc import Iterable

from multiaddr import Multiaddr

MAX_ADDRESS_CHARS = 1024


def multiaddr_from_text(text: str) -> Multiaddr:
    """Read a multiaddr.

    Raises:
        ValueError: It is none; the message is a sentence without the text.
    """
    if len(text) > MAX_ADDRESS_CHARS:
        raise ValueError(f"a multiaddr has at most {MAX_ADDRESS_CHARS} characters")
    try:
        return Multiaddr(text.strip())
    # The parser has an exception of its own for each way to be wrong, and lets
    # others out of its codecs.
    except Exception as error:
        raise ValueError("it is not a multiaddr such as /ip4/192.0.2.7/tcp/4001") from error


def sound_addresses(addresses: Iterable[Multiaddr]) -> list[Multiaddr]:
    """Keep the addresses that can be read; peers may send any bytes as one."""
    return [address for address in addresses if _is_sound(address)]


def _is_sound(address: Multiaddr) -> bool:
    try:
        return bool(names_in(address)) and bool(str(address))
    # The parser lets whatever its codecs raise out.
    except Exception:
        return False


def names_in(address: Multiaddr) -> tuple[str, ...]:
    """List the names of an address's protocols, such as ``("ip4", "tcp")``."""
    return tuple(protocol.name for protocol in address.protocols())

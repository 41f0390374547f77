"""PCP and NAT-PMP at the default router, over UDP.

Made by ``mapper``. A question is repeated twice and given up after less than two
seconds; a router without the protocol mostly refuses at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TypeVar

import trio

from p2pd.net.reachability.mapping import natpmp, pcp
from p2pd.net.reachability.mapping.router import Granted, MappingError, Wanted

PORT = 5351
REPEAT_AFTER_S = (0.25, 0.5, 1.0)
MAX_ANSWER_BYTES = 1100

T = TypeVar("T")


async def ask(
    router_ip: str, request: bytes, read: Callable[[bytes], T], own_ip: str | None = None
) -> T:
    """Ask the router and return what its answer says.

    Args:
        router_ip: Of IPv6 with its interface, where it is a link-local address.
        own_ip: The address to ask from; the router would not open another one.

    Raises:
        MappingError: It does not answer, or refuses.
        OSError: It cannot be asked.
    """
    problem = MappingError(f"{router_ip} does not answer")
    family = trio.socket.AF_INET6 if ":" in router_ip else trio.socket.AF_INET
    with trio.socket.socket(family, trio.socket.SOCK_DGRAM) as socket:
        if own_ip is not None:
            await socket.bind((own_ip, 0))
        await socket.connect((router_ip, PORT))
        for wait_s in REPEAT_AFTER_S:
            await socket.send(request)
            with trio.move_on_after(wait_s):
                return read(await socket.recv(MAX_ANSWER_BYTES))
    raise problem


class PcpRouter:
    """The default router by PCP."""

    protocol = "pcp"

    def __init__(self, router_ip: str, own_ip: str) -> None:
        self._router_ip = router_ip
        self._own_ip = own_ip
        self._nonce = secrets.token_bytes(pcp.NONCE_BYTES)

    async def add(self, wanted: Wanted, lifetime_s: int) -> Granted:
        """Make a mapping, or renew it; see ``Router``."""
        mapping = await self._ask(wanted, lifetime_s)
        return Granted(mapping.external_ip, mapping.external_port, mapping.lifetime_s)

    async def remove(self, wanted: Wanted) -> None:
        """Remove a mapping; see ``Router``."""
        await self._ask(wanted, 0)

    async def _ask(self, wanted: Wanted, lifetime_s: int) -> pcp.PcpMapping:
        return await ask(
            self._router_ip,
            pcp.map_request(wanted, lifetime_s, self._own_ip, self._nonce),
            lambda answer: pcp.mapping_from_answer(answer, wanted.transport, self._nonce),
            self._own_ip,
        )


class NatPmpRouter:
    """The default router by NAT-PMP."""

    protocol = "nat-pmp"

    def __init__(self, router_ip: str) -> None:
        self._router_ip = router_ip

    async def add(self, wanted: Wanted, lifetime_s: int) -> Granted:
        """Make a mapping, or renew it; see ``Router``."""
        ip = await ask(self._router_ip, natpmp.address_request(), natpmp.address_from_answer)
        mapping = await self._ask(wanted, lifetime_s)
        return Granted(ip, mapping.external_port, mapping.lifetime_s)

    async def remove(self, wanted: Wanted) -> None:
        """Remove a mapping; see ``Router``."""
        await self._ask(wanted, 0)

    async def _ask(self, wanted: Wanted, lifetime_s: int) -> natpmp.NatPmpMapping:
        return await ask(
            self._router_ip,
            natpmp.mapping_request(wanted, lifetime_s),
            lambda answer: natpmp.mapping_from_answer(answer, wanted.transport),
        )

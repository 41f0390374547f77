"""Keeps the node connected to the peers it was told to begin with.

One task an address, for ever: resolve, dial, look again. Run by ``discovery``.
"""

from __future__ import annotations

from collections import defaultdict

import structlog
import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.domain.names import PeerId
from p2pd.net.discovery.dialler import Dialler
from p2pd.net.discovery.pace import Pace
from p2pd.net.discovery.resolving import AskText, resolve
from p2pd.net.discovery.usable import usable_addresses

LEAST_RETRY_S = 1.0
MOST_RETRY_S = 60.0
LOOK_AGAIN_S = 5.0

_log = structlog.get_logger(__name__)


async def stay_connected(
    address: Multiaddr, dialler: Dialler, ask_text: AskText | None = None
) -> None:
    """Dial an address whenever none of the peers behind it is connected.

    Tries again after 1 s at first and after a minute at most; names are looked
    up anew each time, since a peer that is away may come back elsewhere.

    Cancellation: runs until cancelled.
    """
    pace = Pace(LEAST_RETRY_S, MOST_RETRY_S)
    infos: list[PeerInfo] = []
    while True:
        if any(dialler.is_connected(PeerId(str(info.peer_id))) for info in infos):
            pace.quicken()
            await trio.sleep(LOOK_AGAIN_S)
            continue
        infos = infos_from_addresses(await resolve(address, ask_text))
        if not infos:
            _log.info("bootstrap address leads nowhere", address=str(address))
        if not await _reach_one(infos, dialler):
            await trio.sleep(pace.next_delay_s())


def infos_from_addresses(addresses: list[Multiaddr]) -> list[PeerInfo]:
    """Gather addresses by the peer they lead to; those without one are left out."""
    by_peer: dict[str, list[Multiaddr]] = defaultdict(list)
    for address in usable_addresses(addresses):
        peer_id = address.get_peer_id()
        if peer_id is not None:
            by_peer[peer_id].append(address.decapsulate(f"/p2p/{peer_id}"))
    return [PeerInfo(ID.from_string(peer_id), found) for peer_id, found in by_peer.items()]


async def _reach_one(infos: list[PeerInfo], dialler: Dialler) -> bool:
    reached = [info for info in infos if await dialler.dial(info)]
    for info in reached:
        dialler.keep(info)
    return bool(reached)

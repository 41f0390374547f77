"""Keeps the node connected to the peers of its settings. Run by ``discovery``."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from libp2p.peer.peerinfo import PeerInfo

from p2pd.net.discovery.dialler import Dialler

HOLD_AGAIN_S = 30.0


async def hold_bootstrap_peers(infos: Sequence[PeerInfo], dialler: Dialler) -> None:
    """Have each peer dialled whenever it is not connected, for as long as this runs.

    The connections hold a bounded number of peers and release the one named longest
    ago: so these are named again and again.

    Args:
        infos: Their addresses may have names, which are looked up at each dial,
            since a peer that is away may come back elsewhere.

    Cancellation: runs until cancelled.
    """
    while infos:
        for info in infos:
            dialler.keep(info)
        await trio.sleep(HOLD_AGAIN_S)

"""The networks that this node has dialled: what comes from there proves nothing. Pure.

Held by ``service``. A router lets in answers, and often whatever comes from an address
that was dialled before; only a peer from elsewhere shows that unknown peers get in.
"""

from __future__ import annotations

from collections import OrderedDict

MAX_NETWORKS = 1024


class DialledNetworks:
    """The networks dialled last; the oldest of too many is forgotten."""

    def __init__(self) -> None:
        self._networks: OrderedDict[str, None] = OrderedDict()

    def add(self, network: str) -> None:
        """Remember a network."""
        self._networks[network] = None
        self._networks.move_to_end(network)
        while len(self._networks) > MAX_NETWORKS:
            self._networks.popitem(last=False)

    def __contains__(self, network: str) -> bool:
        return network in self._networks

"""Finds the peers of the rooms this node is in, and never stops looking.

``open_discovery`` is for ``p2pd.net.opening``; the rest is this package's own.
"""

from p2pd.net.discovery.discovery import Discovery, DiscoveryOptions, open_discovery

__all__ = ["Discovery", "DiscoveryOptions", "open_discovery"]

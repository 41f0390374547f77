"""Ports that the router forwards to this node: PCP, NAT-PMP and UPnP.

``mapper`` makes, renews and removes them; ``pcp`` and ``natpmp`` are codecs, ``udp``
carries their messages, ``upnp`` calls ``miniupnpc`` in a thread.
"""

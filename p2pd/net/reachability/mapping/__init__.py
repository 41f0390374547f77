"""Ports that the router lets in to this node: PCP, NAT-PMP and UPnP.

``ports`` has a ``mapper`` for each IP version, which makes, renews and removes them; ``pcp``
and ``natpmp`` are codecs, ``udp`` carries their messages; ``upnp`` calls ``miniupnpc``, and
``upnp_firewall`` the firewalls of IPv6, in threads.
"""

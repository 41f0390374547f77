"""Streams of this node's protocols: shares per peer, deadlines, and streams without libp2p.

``shares`` bounds what is served; ``opened`` opens streams on a connection of one's
choice; ``peer_stream`` and ``room_peers`` are how synchronisation, which knows no
libp2p, opens and answers streams.
"""

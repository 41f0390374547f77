"""Streams that this node serves: shares per peer, deadlines, and streams without libp2p.

``shares`` bounds what the DHT serves; ``peer_stream`` and ``room_peers`` are how
synchronisation, which knows no libp2p, opens and answers streams.
"""

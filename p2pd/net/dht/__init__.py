"""The Kademlia DHT of py-libp2p, bounded and with its defects corrected.

Opened by ``p2pd.net.discovery``. ``dht`` is the service, ``lookup`` and
``queries`` ask others, ``streams``, ``stores`` and ``routing_table`` answer them.
"""

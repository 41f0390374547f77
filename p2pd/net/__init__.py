"""The network: the only place that imports libp2p.

``host``, ``connections``, ``gossip`` and ``discovery`` are the layers,
``network`` joins them, ``mended`` holds what py-libp2p needs corrected.
"""

from p2pd.net.mended.offline import tolerate_missing_name_servers

tolerate_missing_name_servers()

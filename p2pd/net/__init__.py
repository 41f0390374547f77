"""The network: the only place that imports libp2p.

``host``, ``connections``, ``gossip`` and ``discovery`` are the layers,
``network`` joins them, ``patches`` holds what py-libp2p needs corrected.
"""

from p2pd.net.patches.offline import tolerate_missing_name_servers

tolerate_missing_name_servers()

"""Pubsub and GossipSub; ``p2pd.net.pubsub.gossip`` is the only door.

Patches 1, 3-9, 23, 25, 26, 34, 50 and 51 of ``p2pd/net/patches/README.md``. Of the
library are the tasks, the peer bookkeeping and the mesh (``service``, ``router``);
the way of a message is ours: ``inbound_streams`` -> ``inbound`` (with ``intake`` and
``messages``) -> ``sender`` -> ``send_queue`` -> ``outbound``. What these parts share
is ``mesh_state``.
"""

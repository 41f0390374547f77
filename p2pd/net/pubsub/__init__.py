"""Pubsub and GossipSub of py-libp2p, corrected; ``p2pd.net.pubsub.gossip`` is the only caller.

Corrections 1, 3-9, 23, 25, 26 and 34 of ``p2pd/net/patches/README.md``. The
peer bookkeeping and the mesh are the library's, in subclasses; the way of a
message, from a stream to the application and on to other peers, is ours.
"""

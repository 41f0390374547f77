"""Direct messages on libp2p streams: records, two protocols, delivery, served streams.

``/wsp/direct/1.0.0`` is spoken between nodes of this kind, and
``/universal-connectivity/dm/1.0.0`` with other programs; ``proto/direct.proto``
describes both. Opened by ``p2pd.net.opening``.
"""

from p2pd.net.direct.records import SignedDirect

__all__ = ["SignedDirect"]

"""QUIC on aioquic's rules and a socket of ours; the library's is not used.

``transport`` is what ``p2pd.net.host`` gives to the swarm; ``endpoint`` owns a UDP
socket and distinguishes connections, ``connection`` and ``stream`` are what yamux's are
over TCP, and ``core`` is aioquic with credit that is granted only for what was read.
"""

from p2pd.net.quic.transport import QuicTransport

__all__ = ["QuicTransport"]

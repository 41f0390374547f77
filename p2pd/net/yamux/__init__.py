"""A stream multiplexer that bounds what a peer can make it hold, and is quick.

``negotiation`` gives it to the library; ``connection`` and ``stream`` are one
connection and one stream of it; ``frames`` is the wire format.

Source: https://github.com/hashicorp/yamux/blob/master/spec.md
"""

from p2pd.net.yamux.connection import YamuxConnection
from p2pd.net.yamux.negotiation import YamuxNegotiation

__all__ = ["YamuxConnection", "YamuxNegotiation"]

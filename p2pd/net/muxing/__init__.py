"""What the connections and streams of every multiplexer here have in common.

``yamux`` and ``quic`` build on it: ``connection`` is the half of a connection that faces
the library, ``stream`` the half of a stream that faces its reader and writers, ``pings``
are the questions of a connection.
"""

"""The door for browsers: one node's events over WebSocket, its calls over HTTP.

config      the settings; the only reader of arguments and environment
node/       the one connection to the node; the only importer of grpc
channel     the shared log of ready frames, a cursor a browser
connection  the protocol of one browser, as a state machine without I/O
fanout      brings the channel to the browsers, and each catch-up to its own
http/       sockets, REST, page; the only importer of fastapi and uvicorn
"""

__version__ = "0.1.0"

"""The door for browsers: one node's events over WebSocket, its calls over HTTP.

config     the settings; the only reader of arguments and environment
http/      sockets, REST, page; the only importer of fastapi and uvicorn
delivery/  brings events to browsers and carries out what they ask
node/      the one connection to the node; the only importer of grpc
browser/   the protocol of one browser, as a state machine without I/O
channel/   the shared log of events and each browser's way through it, without I/O
"""

__version__ = "0.1.0"

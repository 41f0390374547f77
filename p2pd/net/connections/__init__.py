"""Who this node is connected to, and whom it dials, checks and dials again.

``p2pd.net.opening`` opens it above a host; discovery hands it peers to dial.
"""

from p2pd.net.connections.registry import ConnectionListener
from p2pd.net.connections.service import Connections, open_connections

__all__ = ["ConnectionListener", "Connections", "open_connections"]

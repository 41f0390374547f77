"""Synchronisation: nodes that meet give each other what one of them missed.

``open_sync`` is for ``p2pd.node``, which gives it the network as the ports in
``ports``. The protocol is ``proto/sync.proto``; what differs is found by
``p2pd.sync.reconciliation``.
"""

from p2pd.sync.scope import Scope, SessionResult, SyncSource
from p2pd.sync.service import PROTOCOL, Sync, SyncListener, SyncOptions, open_sync

__all__ = [
    "PROTOCOL",
    "Scope",
    "SessionResult",
    "Sync",
    "SyncListener",
    "SyncOptions",
    "SyncSource",
    "open_sync",
]

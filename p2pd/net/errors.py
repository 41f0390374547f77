"""Why the network part of a node cannot start.

    StartUpError
    ├── IdentityError   the key file cannot be read, made or trusted
    └── ListenError     an address cannot be listened on

Raised by ``identity`` and ``host``; the program prints the message and ends.
What a caller of a running node does wrong is in ``p2pd.errors``.
"""

from __future__ import annotations


class StartUpError(Exception):
    """The node cannot start; the message is one sentence for its operator."""


class IdentityError(StartUpError):
    """The identity key cannot be read, made or trusted."""


class ListenError(StartUpError):
    """An address cannot be listened on."""

"""Why a session ends before its time; none of these leaves ``p2pd.sync``.

SyncError
├── SyncClosedError    the peer went away or said it is done
├── SyncRefusedError   the peer will not, or not now
├── SyncLimitError     the peer has had its share of this session
├── SyncUnstoredError  this node cannot store what comes
└── SyncAbuseError     the peer breaks the rules; counted by ``reason``
"""

from __future__ import annotations

from p2pd.domain.rejections import RejectionReason


class SyncError(Exception):
    """A session cannot go on."""


class SyncClosedError(SyncError):
    """The peer went away."""


class SyncRefusedError(SyncError):
    """The peer will not, or not now; the message is its reason."""


class SyncLimitError(SyncError):
    """The peer has had its share; a frame says so."""


class SyncUnstoredError(SyncError):
    """This node cannot store what the peer gives; more of it would be in vain."""

    def __init__(self) -> None:
        super().__init__("messages cannot be stored now")


class SyncAbuseError(SyncError):
    """The peer breaks the rules of the protocol."""

    def __init__(self, reason: RejectionReason) -> None:
        super().__init__(reason)
        self.reason = reason

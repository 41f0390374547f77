"""What a caller of the node can do wrong, or be refused.

    ChatError
    ├── InvalidInputError       a field breaks the rules        (names the field)
    ├── MessageTooLargeError    over the publish limit          (names the field)
    ├── RoomNotJoinedError      the room must be joined first   (names the field)
    ├── NoAddressError          nobody can dial this node, so an invite leads nowhere
    ├── ClientMessageIdReusedError  the id names another publish (names the field)
    ├── PeerBlockedError        the peer must be unblocked first
    ├── MessageUnknownError     no such message is stored
    ├── ProfileUnknownError     nobody that could be asked has a profile of the peer
    ├── LimitReachedError       come back after ``retry_after_s``
    ├── StorageFullError        no room on the disk; come back after ``retry_after_s``
    ├── StorageFailedError      the disk does not keep what it is given
    ├── PublishFailedError      the node failed on this publish; its log says why
    ├── DialFailedError         nobody answers at the address
    ├── DialTimeoutError        the peer took too long
    └── NodeStoppingError       the node is on its way down

Raised inside the node, translated once, by ``p2pd.api``. A remote peer's
malformed input never raises one of these: it is counted and dropped in ``p2pd.net``.
"""

from __future__ import annotations


class ChatError(Exception):
    """A caller's request was refused; nothing of it was carried out.

    Attributes:
        reason: Stable upper-case name that programs can rely on.
    """

    reason = "INTERNAL"


class InvalidInputError(ChatError):
    """A field breaks the rules of the contract.

    Attributes:
        field: The request's field at fault.
    """

    def __init__(self, field: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.reason = reason


class MessageTooLargeError(ChatError):
    """A message is larger than the node takes."""

    reason = "MESSAGE_TOO_LARGE"

    def __init__(self, size_bytes: int, max_bytes: int) -> None:
        super().__init__(f"message is {size_bytes} bytes; the limit is {max_bytes}")
        self.field = "text"


class RoomNotJoinedError(ChatError):
    """The room is not joined."""

    reason = "ROOM_NOT_JOINED"

    def __init__(self, room: str, field: str = "room") -> None:
        super().__init__(f"room {room!r} is not joined; join it first")
        self.field = field


class NoAddressError(ChatError):
    """This node has no address that could be dialled."""

    reason = "NO_ADDRESS"

    def __init__(self) -> None:
        super().__init__(
            "nobody can dial this node yet: it listens nowhere and holds no place at a relay"
        )


class ClientMessageIdReusedError(ChatError):
    """The caller used this ``client_message_id`` before, for something else."""

    reason = "CLIENT_MESSAGE_ID_REUSED"

    def __init__(self) -> None:
        super().__init__(
            "this client_message_id was used for another room or content; nothing was published"
        )
        self.field = "client_message_id"


class PeerBlockedError(ChatError):
    """The peer is blocked."""

    reason = "PEER_BLOCKED"

    def __init__(self, peer_id: str) -> None:
        super().__init__(f"{peer_id} is blocked; unblock it first")


class MessageUnknownError(ChatError):
    """No message with this id is stored."""

    reason = "MESSAGE_UNKNOWN"

    def __init__(self, message_id: str) -> None:
        super().__init__(f"no message {message_id} is stored here")


class ProfileUnknownError(ChatError):
    """Nobody that could be asked has a profile of the peer."""

    reason = "PROFILE_UNKNOWN"

    def __init__(self, peer_id: str) -> None:
        super().__init__(f"nobody that could be asked has a profile of {peer_id}")


class LimitReachedError(ChatError):
    """A limit was reached; nothing was accepted.

    Attributes:
        retry_after_s: Seconds to wait before it is worth another try.
    """

    def __init__(self, reason: str, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_s = retry_after_s


class StorageFullError(ChatError):
    """The disk has no room for another message; nothing of it was stored.

    Attributes:
        retry_after_s: Seconds to wait before it is worth another try.
    """

    reason = "STORAGE_FULL"

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("the node's disk is full; nothing was accepted")
        self.retry_after_s = retry_after_s


class StorageFailedError(ChatError):
    """The disk refused to read or to keep something; what was asked may not survive."""

    reason = "STORAGE_FAILED"


class PublishFailedError(ChatError):
    """The node failed on one publish; those beside it are not concerned."""

    def __init__(self) -> None:
        super().__init__("the node failed to publish this; its log says why")


class DialFailedError(ChatError):
    """Nobody answers at the address."""

    reason = "DIAL_FAILED"


class DialTimeoutError(ChatError):
    """The peer took too long to answer."""

    reason = "DIAL_TIMEOUT"


class NodeStoppingError(ChatError):
    """The node is stopping."""

    reason = "NODE_STOPPING"

    def __init__(self) -> None:
        super().__init__("the node is stopping; call again with backoff")

"""Messages as rows of the store and back, with a checksum over all of a row.

SQLite finds a malformed page, but not a changed byte inside a value; the checksum
finds that. Only ``p2pd.store`` uses this.
"""

from __future__ import annotations

import zlib
from typing import Any

from p2pd.domain.messages import Delivery, Message
from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.domain.records import Conversation, Direct, RecordKind
from p2pd.store.errors import DamagedError
from p2pd.store.message_store import Stored

SEQNO_SHIFT = 1 << 63
_MESSAGE = RecordKind.MESSAGE.value
IS_KIND = f"kind = {_MESSAGE:d}"
"""Whether a row has the kind that this release serves."""
_DELIVERIES = (Delivery.LIVE, Delivery.BACKFILLED)

_DIRECT_MARK = "\x01"
"""Before the id of a peer, where a conversation has one name: no room's name has it."""
NAME = "coalesce(room, char(1) || peer)"
"""A conversation's name, of its row."""

COLUMNS = f"""offset, message_id,
    (SELECT {NAME} FROM conversations WHERE conversations.conversation = records.conversation),
    author, forwarder, send_order, receive_time_ns, delivery, client_message_id,
    body, data_start, data_bytes, data, caller, kind, checksum"""
COLUMNS_BEFORE_RECORDS = """offset, message_id,
    (SELECT name FROM rooms WHERE rooms.room = messages.room),
    author, forwarder, send_order, receive_time_ns, delivery, client_message_id,
    signed, data_start, data_bytes, data, caller, kind, checksum"""
"""The same of a file of schema version 3; older ones lack the last."""
INSERT = """INSERT INTO records (offset, message_id, conversation,
    author, forwarder, send_order, receive_time_ns, delivery, client_message_id,
    body, data_start, data_bytes, data, caller, kind, checksum, is_mention)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

CONVERSATION, NAMED, RECEIVE_TIME, CLIENT_MESSAGE_ID, BODY, CHECKSUM = 2, 2, 6, 8, 9, 15
"""Places in a row of ``COLUMNS``, the first in one of ``INSERT``."""

Row = tuple[Any, ...]


def row_from_message(offset: int, conversation: int, message: Message) -> Row:
    """Lay a message out as the parameters of ``INSERT`` but the last, which no reader needs.

    The content is stored inside the signed bytes where it is found there, a second
    time only where it is not; a forwarder only where it is not the author.
    """
    start = message.signed_bytes.find(message.data)
    forwarder = None if message.forwarder_id == message.author_id else message.forwarder_id
    facts = (
        message.author_id,
        forwarder,
        message.seqno - SEQNO_SHIFT,
        message.receive_time_ns,
        _DELIVERIES.index(message.delivery),
        message.client_message_id or None,
    )
    content = (
        message.signed_bytes,
        None if start < 0 else start,
        len(message.data),
        message.data if start < 0 else None,
        message.caller or None,
        _MESSAGE,
    )
    message_id = bytes.fromhex(message.message_id)
    name = name_of(message.conversation)
    checksum = _checksum((offset, message_id, name, *facts, *content))
    return (offset, message_id, conversation, *facts, *content, checksum)


def stored_from_row(row: Row) -> Stored:
    """Read a row of ``COLUMNS``.

    Raises:
        DamagedError: It is not what was written.
    """
    *values, checksum = row
    try:
        if checksum is not None and checksum != _checksum(values):
            raise DamagedError(f"row {row[0]!r} does not fit its checksum")
        return _stored(*values)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise DamagedError(f"row {row[0]!r} makes no sense") from error


def name_of(conversation: Conversation) -> str:
    """Name a conversation as a row does."""
    if isinstance(conversation, Direct):
        return f"{_DIRECT_MARK}{conversation.peer_id}"
    return conversation


def conversation_from_name(name: str) -> Conversation:
    """Read the name of a conversation."""
    if name.startswith(_DIRECT_MARK):
        return Direct(PeerId(name[len(_DIRECT_MARK) :]))
    return RoomName(name)


def key_names(conversation: Conversation) -> tuple[str | None, str | None]:
    """Return what the columns ``room`` and ``peer`` of a conversation hold."""
    if isinstance(conversation, Direct):
        return None, conversation.peer_id
    return conversation, None


def message_id_from(value: object) -> MessageId:
    """Read a message id from an index, which has no checksum.

    Raises:
        DamagedError: It is none.
    """
    if not isinstance(value, bytes):
        raise DamagedError("an index holds what is no message id")
    return MessageId(value.hex())


def seqno_from(value: object) -> int:
    """Read a sequence number from an index, which has no checksum.

    Raises:
        DamagedError: It is none.
    """
    if not isinstance(value, int):
        raise DamagedError("an index holds what is no sequence number")
    return value + SEQNO_SHIFT


def _stored(
    offset: int,
    message_id: bytes,
    name: str,
    author: str,
    forwarder: str | None,
    send_order: int,
    receive_time_ns: int,
    delivery: int,
    client_message_id: str | None,
    signed: bytes,
    data_start: int | None,
    data_bytes: int,
    data: bytes | None,
    caller: str | None,
    kind: int,
) -> Stored:
    if data_start is not None:
        data = signed[data_start : data_start + data_bytes]
    conversation = conversation_from_name(name)
    message = Message(
        message_id=MessageId(message_id.hex()),
        room=RoomName("") if isinstance(conversation, Direct) else conversation,
        author_id=PeerId(author),
        data=data or b"",
        seqno=send_order + SEQNO_SHIFT,
        receive_time_ns=receive_time_ns,
        forwarder_id=PeerId(author if forwarder is None else forwarder),
        signed_bytes=signed,
        delivery=_DELIVERIES[delivery],
        client_message_id=client_message_id or "",
        caller=caller or "",
        peer_id=conversation.peer_id if isinstance(conversation, Direct) else None,
    )
    return Stored(offset, message)


def _checksum(values: Row | list[Any]) -> int:
    """Sum up the values of a row, in the order of ``COLUMNS``.

    Each value goes in with its type, the large ones as they are. The last two came
    with version 3: rows of older versions have neither.
    """
    *facts, signed, data_start, data_bytes, data, caller, kind = values
    facts.extend((len(signed), data_start, data_bytes))
    if caller is not None or kind != _MESSAGE:
        facts.extend((caller, kind))
    total = zlib.crc32(repr(facts).encode("utf-8", "surrogatepass"))
    return zlib.crc32(data or b"", zlib.crc32(signed, total))

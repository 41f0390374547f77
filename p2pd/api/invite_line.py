"""Invites as one line of text: ``wsp:`` and base64url of the contract's ``Invite``.

Called by ``service``. Who writes a line by hand or in another language finds its rules
in ``proto/chat.proto``.
"""

from __future__ import annotations

import base64
import binascii

from google.protobuf.message import DecodeError
from wsp.chat.v1 import chat_pb2

from p2pd.domain.invites import Invite
from p2pd.domain.names import room_from_text
from p2pd.errors import InvalidInputError
from p2pd.net.addresses import (
    address_texts_from_bytes,
    bytes_from_address,
    bytes_from_peer_id,
    peer_id_from_bytes,
)

PREFIX = "wsp:"
MAX_LINE_CHARS = 4096


def line_from_invite(invite: Invite) -> str:
    """Write an invite."""
    message = chat_pb2.Invite(
        room=invite.room,
        peer_id=bytes_from_peer_id(invite.peer_id),
        addresses=map(bytes_from_address, invite.addresses),
    )
    encoded = base64.urlsafe_b64encode(message.SerializeToString())
    return PREFIX + encoded.decode().rstrip("=")


def invite_from_line(text: str) -> Invite:
    """Read an invite; addresses that this node cannot name are passed over.

    Raises:
        InvalidInputError: It is none (INVALID_INVITE), or its room's name breaks the
            rules (INVALID_ROOM).
    """
    message = _message_from_line(text.strip())
    room = room_from_text(message.room, "invite")
    peer_id = peer_id_from_bytes(message.peer_id)
    if peer_id is None:
        raise _invalid("it names no peer")
    addresses = address_texts_from_bytes(message.addresses)
    if not addresses:
        raise _invalid("it has no address that can be dialled")
    return Invite(room, peer_id, addresses)


def _message_from_line(line: str) -> chat_pb2.Invite:
    if not line.startswith(PREFIX):
        raise _invalid(f"an invite begins with {PREFIX}")
    if len(line) > MAX_LINE_CHARS:
        raise _invalid(f"an invite has at most {MAX_LINE_CHARS} characters")
    body = line.removeprefix(PREFIX).rstrip("=").encode(errors="replace")
    try:
        padded = body.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(body) % 4)
        return chat_pb2.Invite.FromString(base64.b64decode(padded, validate=True))
    except (binascii.Error, DecodeError, ValueError) as error:
        raise _invalid("it is cut or was changed on the way") from error


def _invalid(why: str) -> InvalidInputError:
    return InvalidInputError("invite", "INVALID_INVITE", f"not an invite: {why}")

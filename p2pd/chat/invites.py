"""Invites: how somebody who was given one line of text comes into a room.

Called by ``p2pd.api``.
"""

from __future__ import annotations

import trio

from p2pd.chat.dialling import Dialling
from p2pd.chat.directory import Directory
from p2pd.chat.membership import Membership
from p2pd.domain.invites import Accepted, Invite, best_addresses
from p2pd.domain.names import RoomName
from p2pd.domain.peers import Peer
from p2pd.errors import (
    DialFailedError,
    DialTimeoutError,
    InvalidInputError,
    NoAddressError,
    RoomNotJoinedError,
)

NO_ANSWER = "nobody answered at {}; they may be offline, and this node goes on trying"
OWN_INVITE = "that is an invite of this node itself"


class Invites:
    """Make invites to joined rooms, and accept those of others."""

    def __init__(self, membership: Membership, directory: Directory, dialling: Dialling) -> None:
        self._membership = membership
        self._directory = directory
        self._dialling = dialling

    def create(self, room: RoomName) -> Invite:
        """Write down where this node can be found in a room.

        Raises:
            RoomNotJoinedError: The room is not joined.
            NoAddressError: Nobody can dial this node.
        """
        if room not in self._membership:
            raise RoomNotJoinedError(room)
        node = self._directory.node()
        own = f"/p2p/{node.peer_id}"
        addresses = best_addresses(address.removesuffix(own) for address in node.addresses)
        if not addresses:
            raise NoAddressError
        return Invite(room, node.peer_id, addresses)

    async def accept(self, invite: Invite, within_s: float) -> Accepted:
        """Join the room and dial the peer; one that does not answer is dialled again later.

        Args:
            within_s: How long to wait for an answer of the peer.

        Raises:
            InvalidInputError: The invite is this node's own (SELF_DIAL).
            LimitReachedError: Too many rooms are joined.
            StorageFullError: It cannot be stored that the room is joined.
            StorageFailedError: The same.
        """
        if invite.peer_id == self._directory.node().peer_id:
            raise InvalidInputError("invite", "SELF_DIAL", OWN_INVITE)
        await self._membership.join(invite.room)
        peer, failure = await self._dial(invite, within_s)
        return Accepted(self._directory.room(invite.room), peer, failure)

    async def _dial(self, invite: Invite, within_s: float) -> tuple[Peer, str]:
        failure = NO_ANSWER.format(", ".join(invite.addresses))
        with trio.move_on_after(within_s):
            try:
                return await self._dialling.connect_invited(invite.peer_id, invite.addresses), ""
            except DialTimeoutError:
                pass
            except DialFailedError as error:
                failure = f"{failure} ({error})"
        peer = Peer(invite.peer_id, invite.addresses)
        await self._dialling.keep(invite.peer_id, invite.addresses)
        return peer, failure

"""Dials that a caller of the API asked for: at what was named, with a reason on failure.

Called by ``service``.
"""

from __future__ import annotations

import trio
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from p2pd.errors import DialFailedError, DialTimeoutError, InvalidInputError
from p2pd.net.connections.answering import AnsweringDial
from p2pd.net.connections.identity_guard import IdentityGuard
from p2pd.net.patches.swarm import DIAL_TIMEOUT_S, SwarmDialTimeoutError

OWN_ADDRESS = "that is this node's own address"
OTHER_SELF = "another program there has this node's identity"


class CallerDials:
    """Dial what a caller names, whatever failed there before."""

    def __init__(self, own_id: ID, answering: AnsweringDial, guard: IdentityGuard) -> None:
        self._own_id = own_id
        self._answering = answering
        self._guard = guard

    async def connect(self, info: PeerInfo) -> None:
        """Dial a peer; returns when it has answered a ping and sends what it promises.

        Raises:
            InvalidInputError: It is this node's own id (SELF_DIAL).
            DialFailedError: Nobody answers there, or another peer does, or the
                connection carries nothing: another program has this node's identity.
            DialTimeoutError: It took longer than 15 s.
        """
        if info.peer_id == self._own_id:
            is_copied = await self._guard.find_other_self(info)
            raise InvalidInputError(
                "address", "SELF_DIAL", OTHER_SELF if is_copied else OWN_ADDRESS
            )
        since_s = trio.current_time()
        try:
            with trio.fail_after(DIAL_TIMEOUT_S):
                connection = await self._answering.dial(info.peer_id, info.addrs)
                await self._guard.wait_carrying(connection, since_s)
        except (trio.TooSlowError, SwarmDialTimeoutError) as error:
            raise DialTimeoutError(f"no answer within {DIAL_TIMEOUT_S:.0f} s") from error
        except SwarmException as error:
            raise DialFailedError(str(error)) from error

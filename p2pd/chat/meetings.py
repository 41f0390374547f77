"""Which peers this node has met, so that their direct messages need nobody's consent."""

from __future__ import annotations

from p2pd.chat.direct_conversations import DirectConversations
from p2pd.chat.known_peers import KnownPeerList
from p2pd.domain.names import PeerId
from p2pd.domain.records import Direct
from p2pd.log.log import Log


class Meetings:
    """Ask the log, the known peers and the conversations together."""

    def __init__(
        self, log: Log, known_peers: KnownPeerList, conversations: DirectConversations
    ) -> None:
        self._log = log
        self._known_peers = known_peers
        self._conversations = conversations

    def is_met(self, peer_id: PeerId) -> bool:
        """Return whether a peer is met: in one of our rooms, written to, accepted or invited.

        One whose messages are in the log was met when they came.
        """
        peer = self._log.state.peers.get(peer_id)
        return (
            (peer is not None and bool(peer.rooms))
            or self._conversations.is_accepted(peer_id)
            or self._known_peers.is_given(peer_id)
            or self._log.store.count(Direct(peer_id)) > 0
        )

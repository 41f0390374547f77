"""Close the connections of least use while there are more than the high-water mark.

So that there is room for those who chat, however many unknown peers have connected.
Run by ``service``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Never

import structlog
import trio
from libp2p.peer.id import ID

from p2pd.domain.peers import Direction
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.connections.facts import connection_from_open
from p2pd.net.connections.keepalive import close_quietly
from p2pd.net.connections.ping import last_used_s
from p2pd.net.connections.registry import OpenConnection, Registry
from p2pd.net.connections.usefulness import Usefulness, least_useful

LOW_WATER_SHARE = 0.9
"""Trimming goes on to so much of the high-water mark, and is over for a while."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TrimRules:
    """When connections are trimmed.

    Attributes:
        high_water: Connections above which some are closed.
        grace_s: How long a new connection is left alone.
        interval_s: Between two looks.
    """

    high_water: int = 384
    grace_s: float = 30.0
    interval_s: float = 5.0


class Trimmer:
    """Trim the connections of a registry.

    Args:
        is_protected: Whether some part of the node needs a peer.
        is_room_mate: Whether a peer is in a room of this node.
    """

    def __init__(
        self,
        registry: Registry,
        rules: TrimRules,
        is_protected: Callable[[ID], bool],
        is_room_mate: Callable[[ID], bool],
        rejections: Rejections,
    ) -> None:
        self._registry = registry
        self._rules = rules
        self._is_protected = is_protected
        self._is_room_mate = is_room_mate
        self._rejections = rejections

    async def run(self) -> Never:
        """Trim whenever there are too many; ends by cancellation."""
        while True:
            await trio.sleep(self._rules.interval_s)
            await self.trim()

    async def trim(self) -> None:
        """Close the least useful connections beyond the low-water mark, all at once."""
        connections = self._registry.all_connections()
        if len(connections) <= self._rules.high_water:
            return
        surplus = len(connections) - int(self._rules.high_water * LOW_WATER_SHARE)
        chosen = least_useful(
            [self._usefulness_of(each) for each in connections], surplus, self._rules.grace_s
        )
        if not chosen:
            return
        self._rejections.count(RejectionReason.CONNECTIONS_TRIMMED, len(chosen))
        log.info("connections trimmed", count=len(chosen), of=len(connections))
        async with trio.open_nursery() as nursery:
            for each in chosen:
                nursery.start_soon(close_quietly, each.connection.connection)

    def _usefulness_of(self, opened: OpenConnection) -> Usefulness[OpenConnection]:
        age_s = trio.current_time() - opened.opened_s
        return Usefulness(
            opened,
            is_protected=self._is_protected(opened.peer_id),
            shares_room=self._is_room_mate(opened.peer_id),
            is_inbound=connection_from_open(opened).direction is Direction.INBOUND,
            idle_s=trio.current_time() - last_used_s(opened.connection),
            age_s=age_s,
        )

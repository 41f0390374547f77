"""The runs of hole punching under way, one a relayed connection. Used by ``service``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import trio
from libp2p.abc import INetConn
from libp2p.peer.id import ID

from p2pd.domain.names import PeerId
from p2pd.domain.reach import HolePunch, HolePunchResult
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.transports import transport_of

MAX_RUNS = 32


@dataclass(slots=True, eq=False)
class Run:
    """One run.

    Attributes:
        result: What it comes to if no direct connection opens.
        settled: Set when one has opened, or none can.
    """

    connection: INetConn
    is_initiator: bool
    start_s: float = field(default_factory=trio.current_time)
    attempt_count: int = 0
    round_trip_s: float | None = None
    result: HolePunchResult = HolePunchResult.NO_CONNECTION
    settled: trio.Event = field(default_factory=trio.Event)

    @property
    def peer_id(self) -> ID:
        """The peer at the other end."""
        return self.connection.muxed_conn.peer_id

    def ended(self, transport: str) -> HolePunch:
        """Describe the run now that it has ended."""
        return HolePunch(
            peer_id=PeerId(str(self.peer_id)),
            result=HolePunchResult.SUCCEEDED if transport else self.result,
            is_initiator=self.is_initiator,
            transport=transport,
            attempt_count=self.attempt_count,
            duration_s=trio.current_time() - self.start_s,
            time_ns=time.time_ns(),
            round_trip_s=self.round_trip_s,
        )


class Runs:
    """At most 32 runs; each ends once, and is reported then."""

    def __init__(self, report: Callable[[HolePunch], None], rejections: Rejections) -> None:
        self._report = report
        self._rejections = rejections
        self._runs: dict[ID, Run] = {}

    def find(self, peer_id: ID) -> Run | None:
        """Return the run with a peer."""
        return self._runs.get(peer_id)

    def begin(self, connection: INetConn, *, is_initiator: bool) -> Run | None:
        """Begin a run; None where there are too many, or one with this peer."""
        run = Run(connection, is_initiator)
        if run.peer_id in self._runs:
            return None
        if len(self._runs) >= MAX_RUNS:
            self._rejections.count(RejectionReason.HOLE_PUNCHES_OVER_LIMIT)
            return None
        self._runs[run.peer_id] = run
        return run

    def yield_to_peer(self, run: Run, connection: INetConn) -> Run:
        """Let the peer begin instead; returns the run as the other role, on its connection."""
        other = self._runs[run.peer_id] = Run(connection, is_initiator=False)
        run.settled.set()
        return other

    def end(self, run: Run, transport: str = "") -> None:
        """End a run, unless it has ended.

        Args:
            transport: Of the direct connection; empty where there is none.
        """
        if self._runs.get(run.peer_id) is run:
            del self._runs[run.peer_id]
            self._report(run.ended(transport))

    def opened(self, connection: INetConn) -> None:
        """Handle a direct connection that has opened: what a run with its peer was for."""
        run = self._runs.get(connection.muxed_conn.peer_id)
        if run is not None:
            addresses = connection.get_transport_addresses()
            transport = transport_of(addresses[0]) if addresses else None
            run.settled.set()
            self.end(run, transport.name if transport else "unknown")

    def closed(self, connection: INetConn) -> bool:
        """Handle a relayed connection that has closed; returns whether a run ended by it."""
        run = self._runs.get(connection.muxed_conn.peer_id)
        if run is None or run.connection is not connection:
            return False
        run.settled.set()
        self.end(run)
        return True

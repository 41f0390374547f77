"""Hole punching over each relayed connection, in both roles.

Opened by ``p2pd.net.opening`` over a host whose relay client runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import structlog
import trio
from libp2p.abc import INetConn, INetStream
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.protocol_muxer.exceptions import MultiselectClientError
from libp2p.rcmgr import Direction
from libp2p.relay.circuit_v2.pb.dcutr_pb2 import HolePunch
from multiaddr import Multiaddr

from p2pd.domain.reach import HolePunchResult
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.connections.notifee import ConnectionNotifee
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.patches.swarm import is_relayed
from p2pd.net.punch.addresses import dialled_addresses, sent_addresses
from p2pd.net.punch.attempt import dial_directly
from p2pd.net.punch.exchange import Agreement, ExchangeError, Initiator, Responder
from p2pd.net.punch.outcomes import PunchOutcomes
from p2pd.net.punch.runs import Run, Runs
from p2pd.net.relay.messages import RelayError
from p2pd.net.relay.streams import read_message
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.opened import connection_of, open_stream, reset_quietly
from p2pd.tasks import attempt

DCUTR = TProtocol("/libp2p/dcutr")
REST_S = (0.5, 2.0)
"""Before the second attempt, and before the third."""
MAX_ATTEMPTS = len(REST_S) + 1
EXCHANGE_TIMEOUT_S = 10.0
MAX_RUNS_PER_CONNECTION = 3
"""A direct connection that breaks while the relayed one stands is punched for again."""
LOOK_EVERY_S = 0.02
MAX_LOOKS = 50
"""A node that has just come learns from the relay where it is seen."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_hole_punching(
    host: NodeHost,
    observed: Callable[[], Sequence[Multiaddr]],
    rejections: Rejections,
    *,
    is_on: bool,
) -> AsyncIterator[PunchOutcomes]:
    """Punch holes inside the block, if it is on.

    Args:
        observed: Lists where peers see this node, the likeliest first.
    """
    outcomes = PunchOutcomes()
    if not is_on:
        yield outcomes
        return
    async with trio.open_nursery() as nursery:
        puncher = HolePuncher(host, observed, outcomes, rejections, nursery)
        notifee = ConnectionNotifee(puncher.opened, puncher.closed)
        host.get_network().register_notifee(notifee)
        host.set_stream_handler(DCUTR, puncher.serve)
        try:
            yield outcomes
        finally:
            host.remove_stream_handler(DCUTR)
            host.get_network().remove_notifee(notifee)
            nursery.cancel_scope.cancel()


class HolePuncher:
    """Begin a run for each relayed connection that a peer opened; answer those of peers."""

    def __init__(
        self,
        host: NodeHost,
        observed: Callable[[], Sequence[Multiaddr]],
        outcomes: PunchOutcomes,
        rejections: Rejections,
        nursery: trio.Nursery,
    ) -> None:
        self._host = host
        self._observed = observed
        self._rejections = rejections
        self._nursery = nursery
        self._runs = Runs(outcomes.add, rejections)
        self._run_counts: Counter[INetConn] = Counter()

    def opened(self, connection: INetConn) -> None:
        """Handle a new connection of the swarm."""
        if not is_relayed(connection):
            self._runs.opened(connection)
        elif _is_inbound(connection):
            self._nursery.start_soon(attempt, "hole punching", partial(self._initiate, connection))

    def closed(self, connection: INetConn) -> None:
        """Handle a closed connection of the swarm; punching goes on over one that is left."""
        self._run_counts.pop(connection, None)
        if is_relayed(connection) and not self._runs.closed(connection):
            return
        for each in self._open(connection.muxed_conn.peer_id):
            if each is not connection and is_relayed(each):
                self.opened(each)

    # As the initiator

    async def _initiate(self, connection: INetConn) -> None:
        if connection.is_closed or self._has_direct(connection.muxed_conn.peer_id):
            return
        if self._run_counts[connection] >= MAX_RUNS_PER_CONNECTION:
            return
        run = self._runs.begin(connection, is_initiator=True)
        if run is None:
            return
        self._run_counts[connection] += 1
        try:
            for rest_s in (*REST_S, 0.0):
                await self._attempt(run)
                # go peers serve the protocol only once they know where they are seen.
                if run.settled.is_set():
                    return
                with trio.move_on_after(rest_s):
                    await run.settled.wait()
        finally:
            self._runs.end(run)

    async def _attempt(self, run: Run) -> None:
        """Agree with the peer and dial; what failed is noted in the run."""
        run.attempt_count += 1
        agreement = None
        with trio.move_on_after(EXCHANGE_TIMEOUT_S) as scope:
            try:
                agreement = await self._agree(run)
            except MultiselectClientError:
                is_open = not run.connection.is_closed
                run.result = HolePunchResult.REFUSED if is_open else HolePunchResult.NO_CONNECTION
            except (ExchangeError, RelayError):
                self._rejections.count(RejectionReason.HOLE_PUNCH_MALFORMED)
                run.result = HolePunchResult.PROTOCOL_ERROR
            # Boundary: the relayed connection may end at any moment.
            except Exception as error:
                log.debug("no hole punching", peer_id=str(run.peer_id), error=repr(error))
                run.result = HolePunchResult.NO_CONNECTION
        if scope.cancelled_caught:
            run.result = HolePunchResult.PROTOCOL_ERROR
        if agreement is not None:
            await self._dial(run, agreement)

    async def _agree(self, run: Run) -> Agreement:
        initiator = Initiator(await self._own_addresses())
        stream = await open_stream(self._host, run.connection, DCUTR)
        try:
            await write_frame(stream, initiator.start(trio.current_time()))
            answer = await read_message(stream, HolePunch)
            signal, agreement = initiator.receive(answer, trio.current_time())
            run.round_trip_s = initiator.round_trip_s
            await write_frame(stream, signal)
            await stream.close()
        except BaseException:
            await reset_quietly(stream)
            raise
        return agreement

    # As the responder

    async def serve(self, stream: INetStream) -> None:
        """Answer one attempt of a peer.

        Raises:
            StreamError: The peer went away; or another failure of its stream.
        """
        connection = connection_of(stream)
        run = self._run_served_on(connection)
        if run is None:
            await stream.reset()
            return
        run.attempt_count += 1
        agreement = None
        with trio.move_on_after(EXCHANGE_TIMEOUT_S):
            agreement = await self._respond(stream)
        if agreement is None:
            self._rejections.count(RejectionReason.HOLE_PUNCH_MALFORMED)
            run.result = HolePunchResult.PROTOCOL_ERROR
            await stream.reset()
        else:
            await self._dial(run, agreement)
        if run.attempt_count >= MAX_ATTEMPTS:
            self._runs.end(run)

    def _run_served_on(self, connection: INetConn) -> Run | None:
        """Find or begin the run in which the peer of a connection is the initiator.

        Where both have dialled each other through relays, both begin; then the one with
        the smaller id answers, and the other goes on.
        """
        peer_id = connection.muxed_conn.peer_id
        run = self._runs.find(peer_id)
        if run is None and is_relayed(connection):
            return self._runs.begin(connection, is_initiator=False)
        if run is not None and run.is_initiator and _crosses(run, connection):
            if self._host.get_id().to_bytes() < peer_id.to_bytes():
                return self._runs.yield_to_peer(run, connection)
            return None
        if run is None or run.connection is not connection or run.is_initiator:
            self._rejections.count(RejectionReason.HOLE_PUNCH_UNEXPECTED)
            return None
        return run

    async def _respond(self, stream: INetStream) -> Agreement | None:
        """Exchange what is to be said; None where the peer breaks the protocol."""
        responder = Responder()
        try:
            asked = await read_message(stream, HolePunch)
            answer = responder.receive_connect(asked, await self._own_addresses())
            await write_frame(stream, answer)
            agreement = responder.receive_sync(await read_message(stream, HolePunch))
        except (ExchangeError, RelayError):
            return None
        await stream.close()
        return agreement

    # Both

    async def _dial(self, run: Run, agreement: Agreement) -> None:
        """Dial at the agreed moment, until a direct connection stands, whoever opened it."""
        addresses = self._host.swarm.permitted(dialled_addresses(agreement.addresses))
        if not addresses:
            run.result = HolePunchResult.NO_ADDRESSES
            return
        run.result = HolePunchResult.NO_CONNECTION
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when, run.settled, nursery.cancel_scope)
            await trio.sleep(agreement.dial_after_s)
            await dial_directly(
                self._host.swarm, run.peer_id, addresses, is_server=run.is_initiator
            )
            nursery.cancel_scope.cancel()

    async def _own_addresses(self) -> list[Multiaddr]:
        """List where this node may be dialled; waits a moment for a peer to say so."""
        for _ in range(MAX_LOOKS):
            if self._observed() or not self._host.swarm.listeners:
                break
            await trio.sleep(LOOK_EVERY_S)
        return sent_addresses(self._observed(), self._host.get_addrs())

    def _has_direct(self, peer_id: ID) -> bool:
        return any(not is_relayed(each) for each in self._open(peer_id))

    def _open(self, peer_id: ID) -> list[INetConn]:
        return [each for each in self._host.swarm.get_connections(peer_id) if not each.is_closed]


def _crosses(run: Run, connection: INetConn) -> bool:
    """Return whether the peer begins on a relayed connection of its own, as it should."""
    is_other = run.connection is not connection
    return is_other and is_relayed(connection) and not _is_inbound(connection)


def _is_inbound(connection: INetConn) -> bool:
    return getattr(connection, "direction", None) is Direction.INBOUND


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()

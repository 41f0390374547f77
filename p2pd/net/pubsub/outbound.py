"""The streams that this node opens: one stream, queue and writer per peer.

Owned by ``PubsubService``. A stream that breaks is opened again as long as the peer
is connected, whoever broke it; what the peer said of its subscriptions stays,
since it said that on its own stream.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import structlog
import trio
from libp2p.abc import INetStream
from libp2p.io.exceptions import IOException
from libp2p.network.connection.exceptions import RawConnError
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.exceptions import StreamEOF, StreamError
from libp2p.peer.id import ID
from libp2p.pubsub.pubsub import Pubsub
from libp2p.stream_muxer.exceptions import MuxedStreamError

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.pubsub.mesh_state import MeshPeer, MeshState
from p2pd.net.pubsub.send_queue import SendQueue
from p2pd.net.streams.ending import end_stream
from p2pd.net.streams.opened import muxed_stream_of

log = structlog.get_logger(__name__)

WRITE_BYTES = 64 * 1024
#: A stream that takes nothing for so long is given up.
WRITE_STALL_S = 30.0
OPEN_STREAM_TIMEOUT_S = 30.0
READ_OUT_S = 2.0
"""For a peer to read the old stream to its end before the new one goes on."""
HALF_CLOSED_S = 0.5
"""The same, for a peer that closed its side of the stream long ago."""
RETRY_FIRST_S = 0.1
RETRY_MAX_S = 10.0
#: A peer that does not speak pubsub is asked again at last so seldom.
RETRY_REFUSED_MAX_S = 300.0

#: How a stream ends when nobody broke a rule.
STREAM_ENDED = (
    StreamError,
    SwarmException,
    IOException,
    MuxedStreamError,
    RawConnError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)


class OutboundStreams:
    """Opens, writes and ends them.

    Args:
        pubsub: Whose ``peers`` are the streams, and whose tasks run the writers.
        hello: Makes the frames that go first on a new stream.
        on_writable: Called when a peer can be written to.
        on_ended: Called when it cannot be any more.
    """

    def __init__(
        self,
        pubsub: Pubsub,
        state: MeshState,
        rejections: Rejections,
        queue_max_bytes: int,
        hello: Callable[[], list[bytes]],
        on_writable: Callable[[ID], Awaitable[None]],
        on_ended: Callable[[ID], None],
    ) -> None:
        self._pubsub = pubsub
        self._state = state
        self._rejections = rejections
        self._queue_max_bytes = queue_max_bytes
        self._hello = hello
        self._on_writable = on_writable
        self._on_ended = on_ended
        self._opening: set[ID] = set()
        self._released: dict[ID, trio.Event] = {}
        self._is_finishing = False
        self._all_ended = trio.Event()

    # Opening

    async def open_until_connected(self, peer_id: ID) -> None:
        """Open the stream to a peer, again and again while it is connected."""
        delay_s = RETRY_FIRST_S
        while not self._is_finishing and self._pubsub._peer_is_connected(peer_id):
            try:
                await self.open(peer_id)
            except STREAM_ENDED:
                delay_s = min(delay_s, RETRY_MAX_S)
            # Boundary: how a peer refuses a stream is up to it.
            except Exception as error:
                log.debug("peer refuses pubsub", peer_id=str(peer_id), error=repr(error))
            else:
                return
            await trio.sleep(delay_s)
            delay_s = min(delay_s * 2, RETRY_REFUSED_MAX_S)

    async def open(self, peer_id: ID) -> None:
        """Open the stream to a peer, unless it is open or being opened."""
        pubsub = self._pubsub
        if peer_id in pubsub.peers or peer_id in self._opening:
            return
        self._opening.add(peer_id)
        try:
            stream = await self._open_stream(peer_id)
        finally:
            self._opening.discard(peer_id)
        pubsub.router.add_peer(peer_id, stream.get_protocol())
        queue = SendQueue(self._queue_max_bytes)
        pubsub.peers[peer_id] = stream
        self._state.peers[peer_id] = MeshPeer(queue)
        # From here on announcements reach the queue: none is lost after the hello.
        for frame in self._hello():
            queue.push_control(frame)
        pubsub.manager.run_task(self._write_queued, peer_id, stream, queue)
        await self._on_writable(peer_id)

    async def _open_stream(self, peer_id: ID) -> INetStream:
        with trio.fail_after(OPEN_STREAM_TIMEOUT_S):
            return await self._pubsub.host.new_stream(peer_id, list(self._pubsub.protocols))

    # Moving to another connection

    async def move(self, peer_id: ID, *, is_overlapping: bool) -> None:
        """Send over the best connection to a peer from now on; the queue is never without a stream.

        Nothing on the new stream overtakes what was written to the old one: the peer has
        read that to its end, or 2 s have passed.

        Args:
            is_overlapping: Whether the peer reads both streams meanwhile, and so never
                sees us without one; others end the old stream when a new one comes.

        Raises:
            Exception: The new stream cannot be opened; the old one goes on, or is
                opened again.
        """
        stream = self._pubsub.peers.get(peer_id)
        if stream is None or peer_id in self._released:
            return
        released = self._released[peer_id] = trio.Event()
        queue, hello = self._state.peers[peer_id].queue, self._hello()
        successor: INetStream | None = None
        try:
            if is_overlapping:
                successor = await self._open_greeting(peer_id, hello)
            if self._pubsub.peers.get(peer_id) is stream:
                queue.release()
                await released.wait()
                successor = successor or await self._open_greeting(peer_id, hello)
                if self._pubsub.peers.get(peer_id) is stream:
                    self._succeed(peer_id, successor, queue, hello)
                    successor = None
        finally:
            del self._released[peer_id]
            if successor is not None:
                await end_stream(successor.reset)
            if queue.is_released:
                self._retire(peer_id, stream, queue)

    async def _open_greeting(self, peer_id: ID, hello: list[bytes]) -> INetStream:
        stream = await self._open_stream(peer_id)
        try:
            with trio.fail_after(WRITE_STALL_S):
                await stream.write(b"".join(hello))
        except BaseException:
            await end_stream(stream.reset)
            raise
        return stream

    def _succeed(
        self, peer_id: ID, successor: INetStream, queue: SendQueue, hello: list[bytes]
    ) -> None:
        self._pubsub.peers[peer_id] = successor
        queue.resume()
        # What was announced on the old stream since ended with it.
        if (now := self._hello()) != hello:
            for frame in now:
                queue.push_control(frame)
        self._pubsub.manager.run_task(self._write_queued, peer_id, successor, queue)

    # Writing

    async def _write_queued(self, peer_id: ID, stream: INetStream, queue: SendQueue) -> None:
        """Write what is queued, joined, until the stream or the peer is gone."""
        is_written = False
        try:
            async with trio.open_nursery() as nursery:
                ended = trio.Event()
                scope, muxed = nursery.cancel_scope, muxed_stream_of(stream)
                nursery.start_soon(self._watch, stream, scope, ended)
                queue.use(muxed)
                while data := await queue.take(WRITE_BYTES):
                    scope.deadline = trio.current_time() + WRITE_STALL_S
                    await muxed.write(data)
                    scope.deadline = math.inf
                is_written = True
                if queue.is_released:
                    await _wait_read_out(stream, ended)
                nursery.cancel_scope.cancel()
        # Boundary: a stream ends in many ways; each means that it is opened again.
        except Exception as error:
            log.debug("pubsub stream ended", peer_id=str(peer_id), error=repr(error))
        finally:
            await end_stream(stream.close if is_written else stream.reset)
            if queue.is_released and peer_id in self._released:
                self._released[peer_id].set()
            else:
                self._retire(peer_id, stream, queue)

    async def _watch(self, stream: INetStream, scope: trio.CancelScope, ended: trio.Event) -> None:
        """End the writer when the stream dies; nothing is ever sent to us on it."""
        try:
            await stream.read(1)
        except StreamEOF:
            if not stream.muxed_conn.is_closed:
                ended.set()
                return
        except STREAM_ENDED:
            pass
        scope.cancel()

    def announce(self, frame: bytes) -> None:
        """Queue an announcement for every peer.

        A peer that left its control queue to fill up gets a new stream, whose first
        frames have all our topics.
        """
        for queue in self._state.queues():
            if not queue.push_control(frame):
                self._rejections.count(RejectionReason.SEND_ANNOUNCEMENT_DROPPED)
                queue.close()

    # Ending

    async def finish(self, timeout_s: float) -> None:
        """Write what waits, then end every stream; peers can open none to us any more."""
        self._is_finishing = True
        self._all_ended = trio.Event()
        for protocol in self._pubsub.protocols:
            self._pubsub.host.remove_stream_handler(protocol)
        for queue in self._state.queues():
            queue.finish()
        with trio.move_on_after(timeout_s) as scope:
            scope.shield = True
            if self._pubsub.peers:
                await self._all_ended.wait()

    def drop(self, peer_id: ID) -> None:
        """Take the stream to a peer that is gone out of use."""
        stream = self._pubsub.peers.get(peer_id)
        if stream is not None:
            self._retire(peer_id, stream, self._state.peers[peer_id].queue)

    def _retire(self, peer_id: ID, stream: INetStream, queue: SendQueue) -> None:
        """Take a stream out of use, and open the next one if the peer is still there."""
        queue.close()
        pubsub = self._pubsub
        if pubsub.peers.get(peer_id) is not stream:
            return
        del pubsub.peers[peer_id], self._state.peers[peer_id]
        pubsub.router.remove_peer(peer_id)
        self._on_ended(peer_id)
        if not pubsub.peers:
            self._all_ended.set()
        if not self._is_finishing and pubsub._peer_is_connected(peer_id):
            pubsub._schedule_peer_stream_retry(peer_id)


async def _wait_read_out(stream: INetStream, ended: trio.Event) -> None:
    """Say that nothing more comes, and wait until the peer has read to there."""
    was_half_closed = ended.is_set()
    await stream.close()
    if was_half_closed:
        await trio.sleep(HALF_CLOSED_S)
    else:
        with trio.move_on_after(READ_OUT_S):
            await ended.wait()

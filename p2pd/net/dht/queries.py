"""One request to one DHT server, with a deadline, leaving no stream behind.

Owns the wire of ``/ipfs/kad/1.0.0`` for whoever asks; ``kad_walk`` and ``kad``
call it. Whatever a server does wrong ends in None and a count, never in an
exception.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import structlog
import trio
from google.protobuf.message import DecodeError
from libp2p.abc import IHost, INetStream
from libp2p.io.exceptions import MessageTooLarge
from libp2p.kad_dht.common import PROTOCOL_ID
from libp2p.kad_dht.pb.kademlia_pb2 import Message
from libp2p.peer.peerinfo import PeerInfo
from libp2p.utils.varint import encode_varint_prefixed, read_varint_prefixed_bytes_limited

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.streams.ending import end_stream

ASK_TIMEOUT_S = 10.0
MAX_REPLY_BYTES = 1024 * 1024
HEARD_ADDRESS_TTL_S = 600

Dial: TypeAlias = Callable[[PeerInfo], Awaitable[bool]]
"""Connects to a peer; False where that failed. Raises for no remote's failure."""

_log = structlog.get_logger(__name__)


class KadAsker:
    """Ask DHT servers, dialling them first where needed.

    Args:
        dial: How to connect; by default the addresses heard go to the peer
            store for ten minutes and the host dials by itself.
    """

    def __init__(self, host: IHost, rejections: Rejections, dial: Dial | None = None) -> None:
        self._host = host
        self._rejections = rejections
        self._dial = dial

    async def ask(self, info: PeerInfo, request: Message) -> Message | None:
        """Send a request and wait for its reply, ten seconds at most.

        Returns:
            The reply, of the request's own type, or None where there was none.
        """
        reply = await self._contained(info, request, self._ask_over)
        if reply is not None and reply.type != request.type:
            self._rejections.count(RejectionReason.KAD_REPLY_OF_OTHER_TYPE)
            return None
        return reply

    async def notify(self, info: PeerInfo, message: Message) -> bool:
        """Send a message that gets no reply; True where it was written."""
        return await self._contained(info, message, self._notify_over) is not None

    async def _contained(
        self,
        info: PeerInfo,
        request: Message,
        use: Callable[[INetStream, Message], Awaitable[Message]],
    ) -> Message | None:
        """The boundary: no failure of a remote leaves here."""
        with trio.move_on_after(ASK_TIMEOUT_S):
            try:
                return await self._over_new_stream(info, request, use)
            except (DecodeError, MessageTooLarge):
                self._rejections.count(RejectionReason.KAD_REPLY_INVALID)
            except Exception as error:
                _log.debug("dht server did not answer", error=type(error).__name__)
        return None

    async def _over_new_stream(
        self,
        info: PeerInfo,
        request: Message,
        use: Callable[[INetStream, Message], Awaitable[Message]],
    ) -> Message | None:
        if not await self._reach(info):
            return None
        stream = await self._host.new_stream(info.peer_id, [PROTOCOL_ID])
        try:
            reply = await use(stream, request)
        except BaseException:
            await end_stream(stream.reset)
            raise
        await stream.close()
        return reply

    async def _reach(self, info: PeerInfo) -> bool:
        if info.peer_id in self._host.get_connected_peers():
            return True
        if self._dial is not None:
            return await self._dial(info)
        if info.addrs:
            self._host.get_peerstore().add_addrs(info.peer_id, info.addrs, HEARD_ADDRESS_TTL_S)
        return True

    async def _ask_over(self, stream: INetStream, request: Message) -> Message:
        await _write(stream, request)
        raw = await read_varint_prefixed_bytes_limited(stream, MAX_REPLY_BYTES)
        return Message.FromString(raw)

    async def _notify_over(self, stream: INetStream, message: Message) -> Message:
        await _write(stream, message)
        return message


async def _write(stream: INetStream, message: Message) -> None:
    await stream.write(encode_varint_prefixed(message.SerializeToString()))

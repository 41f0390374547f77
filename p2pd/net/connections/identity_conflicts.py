"""Two programs with one identity: found, named, and not counted as connected.

A data directory that was copied gives two nodes one key. A peer of both then holds
two connections of one peer id, and sends over the first alone: the second hears and
says nothing. A process has a random instance id, which its peers may ask for; where
two connections of one peer id answer with different ones, both programs are warned on
the protocol below. Used by ``identity_guard``, for every second connection to a peer.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence

import structlog
import trio
from libp2p.abc import INetConn, INetStream
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator

from p2pd.domain.peers import NodeWarning
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.patches.identify import PeerIdentity
from p2pd.net.streams.ending import end_stream

PROTOCOL = TProtocol("/wsp/instance/1.0.0")
ASK = b"\x00"
CONFLICT = b"\x01"
INSTANCE_BYTES = 16
EXCHANGE_TIMEOUT_S = 5.0
MAX_WARNINGS = 16
WARN_AGAIN_S = 600.0
GOSSIP = "/meshsub/"
REASON = "IDENTITY_CONFLICT"

log = structlog.get_logger(__name__)


class IdentityConflicts:
    """What was found of conflicts; at most 16 warnings, the oldest is evicted."""

    def __init__(self, host: NodeHost) -> None:
        self._host = host
        self._instance = secrets.token_bytes(INSTANCE_BYTES)
        self._warnings: OrderedDict[str, NodeWarning] = OrderedDict()
        self._logged_s: dict[str, float] = {}
        self._reported_s: dict[str, float] = {}
        host.set_stream_handler(PROTOCOL, self._serve)

    def close(self) -> None:
        """Serve the protocol no more."""
        self._host.remove_stream_handler(PROTOCOL)

    @property
    def warnings(self) -> tuple[NodeWarning, ...]:
        """The conflicts found since the start, oldest first."""
        return tuple(self._warnings.values())

    def is_reported_by(self, peer_id: ID, since_s: float) -> bool:
        """Return whether a peer reported a conflict since some time of trio's clock."""
        return self._reported_s.get(str(peer_id), float("-inf")) >= since_s

    async def is_conflicting(self, newest: INetConn, others: Sequence[INetConn]) -> bool:
        """Compare a new connection with the others of its peer id, and report a conflict.

        Returns:
            Whether another program with the same identity is at its other end.
        """
        peer_id = newest.muxed_conn.peer_id
        instance = await self._ask(newest)
        if instance is None:
            return False
        if peer_id == self._host.get_id():
            if instance == self._instance:
                return False  # somebody dialled this very node at its own address
            self._warn_of(peer_id, "another program connected that has this node's own identity")
            await self._report(newest)
            return True
        for other in others:
            known = await self._ask(other)
            if known is not None and known != instance:
                self._warn_of(
                    peer_id,
                    f"two programs use the identity {peer_id}, from {_address_of(other)} and "
                    f"{_address_of(newest)}; the second one was disconnected",
                )
                await self._report(other)
                await self._report(newest)
                return True
        return False

    async def _ask(self, connection: INetConn) -> bytes | None:
        """Return the instance at the other end; None where it does not answer."""
        return await self._exchange(connection, ASK)

    async def _report(self, connection: INetConn) -> None:
        await self._exchange(connection, CONFLICT)

    async def _exchange(self, connection: INetConn, request: bytes) -> bytes | None:
        with trio.move_on_after(EXCHANGE_TIMEOUT_S):
            try:
                stream = await connection.new_stream()
                return await self._exchange_over(stream, request)
            # The boundary: a peer of another implementation refuses the protocol.
            except Exception as error:
                log.debug("no instance id", error=repr(error))
        return None

    async def _exchange_over(self, stream: INetStream, request: bytes) -> bytes | None:
        try:
            communicator = MultiselectCommunicator(stream)
            await self._host.multiselect_client.select_one_of([PROTOCOL], communicator)
            await stream.write(request)
            instance = b""
            while len(instance) < INSTANCE_BYTES:
                read = await stream.read(INSTANCE_BYTES - len(instance))
                if not read:
                    return None
                instance += read
            return instance
        finally:
            await end_stream(stream.reset)

    async def _serve(self, stream: INetStream) -> None:
        """Answer with this program's instance, and hear of a conflict."""
        with trio.move_on_after(EXCHANGE_TIMEOUT_S):
            if await stream.read(len(ASK)) == CONFLICT:
                self._hear_of_conflict(stream)
            await stream.write(self._instance)
            await stream.close()
            return
        await end_stream(stream.reset)

    def _hear_of_conflict(self, stream: INetStream) -> None:
        reporter = stream.muxed_conn.peer_id
        self._reported_s[str(reporter)] = trio.current_time()
        self._warn_of(
            reporter,
            f"the peer {reporter} is connected to another program with this node's own "
            "identity: its data directory is used twice",
        )

    def _warn_of(self, subject: ID, message: str) -> None:
        key = str(subject)
        first_ns = self._warnings[key].time_ns if key in self._warnings else time.time_ns()
        self._warnings[key] = NodeWarning(REASON, message, first_ns)
        while len(self._warnings) > MAX_WARNINGS:
            evicted, _ = self._warnings.popitem(last=False)
            self._logged_s.pop(evicted, None)
            self._reported_s.pop(evicted, None)
        now_s = trio.current_time()
        if now_s - self._logged_s.get(key, float("-inf")) >= WARN_AGAIN_S:
            self._logged_s[key] = now_s
            log.warning("identity conflict", reason=message)


def is_same_program(identity: PeerIdentity) -> bool:
    """Return whether a peer reports conflicts, and sends over every connection of its own."""
    names = identity.protocols
    return str(PROTOCOL) in names and any(name.startswith(GOSSIP) for name in names)


def _address_of(connection: INetConn) -> str:
    addresses = connection.get_transport_addresses()
    return str(addresses[0]) if addresses else "an unknown address"

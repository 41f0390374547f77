"""A whole node without its API, on a machine of the simulation: started, stopped, killed."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from trio_typing import TaskStatus

from p2pd.chat.assembly import Chat
from p2pd.config import command_from
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.domain.publishes import Publish, Published
from p2pd.net.connections.interruptions import LoopClocks, MachineView
from p2pd.net.identity import KEY_FILE
from p2pd.net.interfaces import Interface
from p2pd.net.machine import NetworkMachine
from p2pd.net.network import Network, peer_id_from_key
from p2pd.node.clock_watch import Clocks
from p2pd.node.machine import Machine
from p2pd.node.parts import Base, Start, open_base, open_chat, prepare_start
from p2pd.workers import InPlace
from tests.simulation.transport import MemoryTransport
from tests.simulation.wires import Wires

ROOM = RoomName("chat-room")
PORT = 4001
BEGIN_S = 1_800_000_000
"""The wall clock when virtual time begins."""
PAGE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Running:
    """A node while it runs."""

    start: Start
    base: Base
    network: Network
    chat: Chat


@dataclass(slots=True)
class SimulatedNode:
    """A node, its machine and its data directory, over all its lives.

    Attributes:
        ahead_s: How far the machine's wall clock is ahead.
        acknowledged: The ids that Publish has answered.
    """

    number: int
    directory: Path
    wires: Wires
    nursery: trio.Nursery
    ahead_s: float = 0.0
    acknowledged: list[MessageId] = field(default_factory=list)
    running: Running | None = None
    _scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    _ended: trio.Event = field(default_factory=trio.Event)
    _bootstrap: str = "none"

    @property
    def host(self) -> str:
        """The address of its machine."""
        return f"10.77.{self.number >> 8}.{(self.number & 255) + 1}"

    @property
    def address(self) -> str:
        """Where peers dial it."""
        return f"/ip4/{self.host}/tcp/{PORT}/p2p/{self.peer_id}"

    @property
    def peer_id(self) -> PeerId:
        """Who it is, over all its lives."""
        return peer_id_from_key(create_new_key_pair(self._secret()))

    def make_identity(self) -> None:
        """Give it the key that its number stands for."""
        self.directory.mkdir(mode=0o700)
        key = self.directory / KEY_FILE
        key.write_bytes(create_new_key_pair(self._secret()).private_key.serialize())
        key.chmod(0o600)

    async def start(self) -> None:
        """Start it, or start it again from its data directory."""
        self._scope, self._ended = trio.CancelScope(), trio.Event()
        await self.nursery.start(self._live)

    async def stop(self) -> None:
        """End it in order, as SIGTERM does."""
        self._scope.cancel()
        await self._ended.wait()

    async def kill(self) -> None:
        """End it while nobody hears of it before its machine has closed its sockets."""
        self.wires.close_all(self.host)
        await self.stop()

    async def publish(self, text: str) -> Published | None:
        """Publish; None where the node ended before it could answer."""
        running = self.running
        if running is None:
            return None
        (outcome,) = await running.chat.publishing.publish([Publish(ROOM, text.encode())])
        if not isinstance(outcome, Published) or self.running is not running:
            return None
        self.acknowledged.append(outcome.message_id)
        return outcome

    def messages(self) -> list[Message]:
        """Read its log from the beginning."""
        assert self.running is not None
        store = self.running.base.store
        return [one.message for one in store.read(0, store.last_offset, PAGE_BYTES)]

    def ids(self) -> list[MessageId]:
        """List the messages of its log in order."""
        return [message.message_id for message in self.messages()]

    def peer_count(self) -> int:
        """Count the peers it is connected to."""
        return 0 if self.running is None else len(self.running.network.peers())

    def wall_ns(self) -> int:
        """Return what the clock of its machine shows."""
        return BEGIN_S * 10**9 + int((trio.current_time() + self.ahead_s) * 10**9)

    async def _live(self, task_status: TaskStatus[None]) -> None:
        try:
            with self._scope:
                async with self._opened() as running:
                    self.running = running
                    task_status.started()
                    await trio.sleep_forever()
        finally:
            self.running = None
            self._ended.set()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Running]:
        arguments = [
            "--data-dir", str(self.directory), "--listen", f"/ip4/{self.host}/tcp/{PORT}",
            "--bootstrap", "none", "--mdns", "off", "--port-mapping", "off",
            "--rooms", ROOM,
        ]  # fmt: skip
        start = prepare_start(command_from(arguments, {}).settings, self._machine())
        async with open_base(start) as base, open_chat(start, base) as (network, _, chat):
            try:
                yield Running(start, base, network, chat)
            finally:
                chat.stop()

    def _machine(self) -> Machine:
        own = (Interface(4, self.host, "eth0", 16), Interface(4, "127.0.0.1", "lo", 8))
        read: Callable[[], tuple[Interface, ...]] = lambda: own  # noqa: E731
        view = MachineView(read, read, LoopClocks(trio.current_time, trio.current_time))
        network = NetworkMachine(view, (MemoryTransport(self.wires, self.host),))
        uptime_ns = lambda: int(trio.current_time() * 10**9)  # noqa: E731
        return Machine(Clocks(self.wall_ns, uptime_ns), network, InPlace(), has_threads=False)

    def _secret(self) -> bytes:
        return random.Random(f"node {self.number}").randbytes(32)

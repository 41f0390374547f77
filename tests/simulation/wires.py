"""A network in memory: machines with addresses, and wires that are slow, cut or whole.

``transport`` dials and listens on it for one machine. It behaves as TCP does: bytes come
in order and late, a sender with too many of them under way waits, what was cut off is
sent again once the wire is whole, and nobody is told of a machine that has gone dark.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import count
from math import ceil, inf

import trio
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import ConnectionClosedError

WINDOW_BYTES = 256 << 10
"""What one direction of a connection holds before its sender waits."""
RETRANSMIT_S = 0.5
"""What was cut off comes so long after the wire is whole again."""
FIRST_SYN_AGAIN_S = 1.0
"""A SYN without an answer is sent again so much later, then after twice the time."""

TICK_S = 0.001
"""Bytes arrive at whole ticks: the loop turns once for all that arrives at one time."""


@dataclass(frozen=True, slots=True)
class Quality:
    """A machine's wire: how long a byte is under way, how many pass in a second each way."""

    latency_s: float = 0.005
    bytes_per_s: float = 12.5e6


class Wires:
    """Which machines reach which, how well, and who listens where.

    Attributes:
        slow: Machines whose wires are of another quality than all others'.
        listening: What takes an inbound stream, by host and port.
    """

    def __init__(self) -> None:
        self.default = Quality()
        self.slow: dict[str, Quality] = {}
        self.listening: dict[tuple[str, int], Callable[[Stream], None]] = {}
        self._sides: dict[str, str] = {}
        self._pipes: dict[Pipe, None] = {}
        self._free_s: dict[tuple[str, str], float] = {}
        self._ports = count(50_000)

    def divide(self, *sides: Collection[str]) -> None:
        """Cut every wire between machines of different sides; those of no side are a side."""
        self._change({host: str(number) for number, side in enumerate(sides) for host in side})

    def darken(self, host: str) -> None:
        """Cut a machine off from everybody, as a pulled cable does."""
        self._change(self._sides | {host: host})

    def heal(self) -> None:
        """Make every wire whole."""
        self._change({})

    def reach(self, one: str, other: str) -> bool:
        """Return whether bytes get from one machine to another."""
        return self._sides.get(one, "") == self._sides.get(other, "")

    def latency_s(self, one: str, other: str) -> float:
        """Return how long a byte is under way between two machines."""
        return max(self.slow.get(each, self.default).latency_s for each in (one, other))

    async def connect(self, source: str, target: str, port: int) -> Stream:
        """Connect to a machine; waits for as long as it cannot be reached.

        Raises:
            OSError: Nobody listens there.
        """
        again_s = FIRST_SYN_AGAIN_S
        while not self.reach(source, target):
            await trio.sleep(again_s)
            again_s *= 2
        await trio.sleep(2 * self.latency_s(source, target))
        serve = self.listening.get((target, port))
        if serve is None:
            raise OSError(errno.ECONNREFUSED, "nobody listens there")
        here, there = (source, next(self._ports)), (target, port)
        out, back = Pipe(self, source, target), Pipe(self, target, source)
        serve(Stream(there, here, back, out))
        return Stream(here, there, out, back)

    def close_all(self, host: str) -> None:
        """Close every stream of a machine, as the end of its process does."""
        for pipe in tuple(self._pipes):
            if host == pipe.source:
                pipe.end()
            elif host == pipe.target:
                pipe.abandon()

    def arrival_s(self, source: str, target: str, size: int) -> float:
        """Return when the last of so many bytes arrives that a machine sends now.

        They leave behind what the machine has sent before to whomever, and enter behind
        what others have sent to the target.
        """
        left_s = self._passed_s(source, "out", trio.current_time(), size)
        due_s = self._passed_s(target, "in", left_s, size) + self.latency_s(source, target)
        return ceil(due_s / TICK_S) * TICK_S

    def _passed_s(self, host: str, way: str, now_s: float, size: int) -> float:
        begin_s = max(now_s, self._free_s.get((host, way), 0.0))
        rate = self.slow.get(host, self.default).bytes_per_s
        self._free_s[host, way] = begin_s + size / rate
        return self._free_s[host, way]

    def add(self, pipe: Pipe) -> None:
        """Have a pipe told of each change of the wires."""
        self._pipes[pipe] = None

    def remove(self, pipe: Pipe) -> None:
        """Forget a pipe that has ended."""
        self._pipes.pop(pipe, None)

    def _change(self, sides: dict[str, str]) -> None:
        before = {pipe: self.reach(pipe.source, pipe.target) for pipe in self._pipes}
        self._sides = sides
        for pipe, was_whole in before.items():
            is_whole = self.reach(pipe.source, pipe.target)
            if was_whole and not is_whole:
                pipe.cut()
            elif is_whole and not was_whole:
                pipe.heal()


@dataclass(slots=True)
class _Chunk:
    """Bytes under way; none are the end of the stream."""

    data: bytes
    due_s: float


class Pipe:
    """One direction of a connection."""

    def __init__(self, wires: Wires, source: str, target: str) -> None:
        self.source, self.target = source, target
        self._wires = wires
        self._chunks: deque[_Chunk] = deque()
        self._held_bytes = 0
        self._is_ended = False
        self._is_abandoned = False
        self._is_broken = False
        self._changed = trio.Event()
        wires.add(self)

    async def send(self, data: bytes) -> None:
        """Send bytes, once there is room for some.

        Raises:
            ConnectionClosedError: The receiver takes no more.
        """
        await trio.lowlevel.checkpoint()
        while self._held_bytes >= WINDOW_BYTES and not self._is_broken:
            await self._changed.wait()
        if self._is_broken:
            raise ConnectionClosedError("connection reset by peer")
        if not self._is_ended:
            self._append(data)

    async def receive(self, max_bytes: int | None) -> bytes:
        """Return bytes that have arrived; none at the end."""
        await trio.lowlevel.checkpoint()
        while not self._is_abandoned:
            due_s = self._chunks[0].due_s if self._chunks else inf
            if due_s <= trio.current_time():
                return self._take(max_bytes)
            with trio.CancelScope(deadline=due_s):
                await self._changed.wait()
        return b""

    def end(self) -> None:
        """Send no more."""
        if not self._is_ended:
            self._append(b"")
            self._is_ended = True

    def abandon(self) -> None:
        """Take no more; the sender learns of it once it can be reached."""
        self._is_abandoned = True
        self._break_if_abandoned()

    def cut(self) -> None:
        """Stop what is under way."""
        now_s = trio.current_time()
        self._delay(lambda chunk: inf if chunk.due_s > now_s else chunk.due_s)

    def heal(self) -> None:
        """Send again what was under way."""
        latency_s = self._wires.latency_s(self.source, self.target)
        again_s = trio.current_time() + RETRANSMIT_S + latency_s
        self._delay(lambda chunk: min(chunk.due_s, again_s))
        self._break_if_abandoned()

    def _break_if_abandoned(self) -> None:
        if self._is_abandoned and self._wires.reach(self.source, self.target):
            self._is_broken = True
            self._wires.remove(self)
        self._note_change()

    def _append(self, data: bytes) -> None:
        due_s = inf
        if self._wires.reach(self.source, self.target):
            due_s = self._wires.arrival_s(self.source, self.target, len(data))
            if self._chunks:
                due_s = max(due_s, self._chunks[-1].due_s)
        self._chunks.append(_Chunk(data, due_s))
        self._held_bytes += len(data)
        self._note_change()

    def _take(self, max_bytes: int | None) -> bytes:
        first = self._chunks[0]
        if not first.data:
            self._wires.remove(self)
            return b""
        taken, first.data = first.data[:max_bytes], first.data[max_bytes or len(first.data) :]
        if not first.data:
            self._chunks.popleft()
        self._held_bytes -= len(taken)
        self._note_change()
        return taken

    def _delay(self, due_s: Callable[[_Chunk], float]) -> None:
        for chunk in self._chunks:
            chunk.due_s = due_s(chunk)
        self._note_change()

    def _note_change(self) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()


class Stream(ReadWriteCloser):
    """One machine's end of a connection, as libp2p has it of a socket."""

    def __init__(
        self, local: tuple[str, int], remote: tuple[str, int], sending: Pipe, receiving: Pipe
    ) -> None:
        self.local = local
        self._remote = remote
        self._sending = sending
        self._receiving = receiving

    async def read(self, n: int | None = None) -> bytes:
        """Return what has arrived, at most ``n`` bytes."""
        return await self._receiving.receive(n)

    async def write(self, data: bytes) -> None:
        """Send all of it."""
        await self._sending.send(data)

    async def close(self) -> None:
        """Send no more, and take no more."""
        await trio.lowlevel.checkpoint()
        self._sending.end()
        self._receiving.abandon()

    def get_remote_address(self) -> tuple[str, int] | None:
        """Return where the other end is."""
        return self._remote


def sides_of(hosts: Iterable[str], size: int) -> tuple[list[str], list[str]]:
    """Split machines into the first ``size`` of them and the others."""
    known = list(hosts)
    return known[:size], known[size:]

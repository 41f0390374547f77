"""One browser: carries out what its state machine says.

Made by ``gateway.http.socket`` for every WebSocket. Asks the node, writes the
answers, and stops the socket's reading while too much is under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from gateway.browser import (
    AcceptInviteAsked,
    Allowance,
    Call,
    Close,
    Command,
    ConnectAsked,
    Connection,
    ConversationsAsked,
    CreateInviteAsked,
    Event,
    ForgetRoomAsked,
    Greeted,
    HistoryAsked,
    JoinAsked,
    LeaveAsked,
    Limits,
    MessageAsked,
    PublishAsked,
    ReadMarkerAsked,
    Refused,
    SearchAsked,
)
from gateway.browser.answers import FrameId, ack, error
from gateway.channel.events import Fields
from gateway.counts import Counts
from gateway.delivery.fanout import Fanout
from gateway.delivery.people import answer_to_people_call
from gateway.delivery.reader import Outlet, Reader
from gateway.delivery.reading import answer_to_reading
from gateway.errors import NodeError, Refusal
from gateway.node.commands import Commands
from gateway.node.publisher import Publisher
from gateway.node.queue import Outcome

log = structlog.get_logger(__name__)

HOLD_S = 2.0
"""How long a publish waits while as many as may be are under way, as at the node."""
OVERLOADED = Refusal(
    "RESOURCE_EXHAUSTED",
    "OVERLOADED",
    "as many publishes as may be are under way; nothing of this one was carried out",
    retry_after_ms=1000,
)


class Socket(Outlet, Protocol):
    """What a session needs of its WebSocket."""

    def write_text(self, payload: bytes) -> None:
        """Write one JSON payload; never waits."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and close."""

    def pause_reading(self) -> None:
        """Handle no more frames for now."""

    def resume_reading(self) -> None:
        """Handle frames again."""


@dataclass(frozen=True, slots=True)
class Services:
    """What all browsers share.

    Attributes:
        spawn: Starts a task that ends with the gateway.
    """

    fanout: Fanout
    publisher: Publisher
    commands: Commands
    limits: Limits
    max_in_flight: int
    counts: Counts
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Session:
    """The conversation with one browser.

    A command starts once the bytes it may take are reserved. Until then it waits
    alone in ``_waiting``, and the socket neither reads nor handles a frame. A publish
    that has waited for ``HOLD_S`` is refused, and those behind it at once until one starts.
    """

    __slots__ = (
        "_allowance",
        "_heard_at_s",
        "_hold_timer",
        "_is_overloaded",
        "_machine",
        "_reader",
        "_services",
        "_socket",
        "_waiting",
    )

    def __init__(self, socket: Socket, services: Services) -> None:
        self._socket = socket
        self._services = services
        self._machine = Connection(services.limits)
        self._reader: Reader | None = None
        self._allowance = Allowance(services.max_in_flight)
        self._waiting: Command | None = None
        self._hold_timer: asyncio.TimerHandle | None = None
        self._is_overloaded = False
        """Whether the last publish was refused because it could not start for so long."""
        self._heard_at_s = 0.0
        """When the newest command came; none comes while one waits."""

    @property
    def reserved_bytes(self) -> int:
        """What the commands under way may take in memory."""
        return self._allowance.reserved_bytes

    def receive_text(self, payload: bytes, now_s: float) -> None:
        """Handle one whole text message; only while no command waits."""
        self._services.counts.frames_received += 1
        self._carry_out(self._machine.receive_text(payload, now_s))

    def receive_binary(self, now_s: float) -> None:
        """Handle one binary message."""
        self._services.counts.frames_received += 1
        self._carry_out(self._machine.receive_binary(now_s))

    def receive_control(self, now_s: float) -> None:
        """Count a control frame or a fragment, which are free only up to a rate."""
        self._carry_out(self._machine.receive_control(now_s))

    def resume_writing(self) -> None:
        """Go on writing: the socket takes more again."""
        if self._reader is not None:
            self._services.fanout.resume(self._reader)
        self._advance()

    def lost(self) -> None:
        """Release everything: the socket is gone. Commands under way go on."""
        self._stop_holding()
        if self._reader is not None:
            self._services.fanout.remove_reader(self._reader)
            self._reader = None

    def _carry_out(self, event: Event | None) -> None:
        match event:
            case None:
                return
            case Greeted(after, rooms):
                self._reader = self._services.fanout.add_reader(self._socket, after, rooms)
            case Refused(frame_id, refusal):
                self._refuse(frame_id, refusal)
            case Close(code, reason):
                self._services.counts.closes[f"code_{code}"] += 1
                self._socket.close(code, reason)
            case _:
                self._start_or_wait(event)

    def _start_or_wait(self, command: Command) -> None:
        """Start a command, or stop reading until it can start."""
        self._heard_at_s = time.monotonic()
        if self._may_start(command):
            self._start(command)
            return
        self._services.counts.bounds["browser_commands"] += 1
        is_publish = isinstance(command, PublishAsked)
        if is_publish and self._is_overloaded and self._socket.is_writable:
            self._refuse(command.id, OVERLOADED)
            return
        self._hold(command)

    def _hold(self, command: Command) -> None:
        """Have a command wait until it can start; a publish at most for ``HOLD_S``."""
        self._waiting = command
        self._socket.pause_reading()
        self._wait_for_room()
        if isinstance(command, PublishAsked):
            loop = asyncio.get_running_loop()
            self._hold_timer = loop.call_later(HOLD_S, self._end_hold, command)

    def _end_hold(self, command: Command) -> None:
        """Refuse a publish that has waited too long, unless its browser reads no answers."""
        if not self._socket.is_writable:
            self._hold_timer = asyncio.get_running_loop().call_later(
                HOLD_S, self._end_hold, command
            )
            return
        self._stop_holding()
        self._is_overloaded = True
        self._refuse(command.id, OVERLOADED)
        self._socket.resume_reading()

    def _stop_holding(self) -> None:
        self._waiting = None
        self._services.publisher.forget(self._advance)
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None

    def _may_start(self, command: Command) -> bool:
        """Whether there is room here and in the gateway, and answers are read."""
        return (
            self._socket.is_writable
            and self._allowance.fits(command)
            and self._services.publisher.has_room(self)
        )

    def _wait_for_room(self) -> None:
        """Be called when the gateway has room; an answer of our own calls anyway."""
        if not self._services.publisher.has_room(self):
            self._services.publisher.wait_for_room(self._advance)

    def _advance(self) -> None:
        """Start the command that waits if there is room now, and read on."""
        command = self._waiting
        if command is None:
            return
        if not self._may_start(command):
            self._wait_for_room()
            return
        self._stop_holding()
        self._start(command)
        self._socket.resume_reading()

    def _start(self, command: Command) -> None:
        self._is_overloaded = False
        self._allowance.reserve(command)
        if isinstance(command, PublishAsked):
            self._publish(command)
        else:
            self._services.spawn(self._call(command))

    def _publish(self, command: PublishAsked) -> None:
        heard_at_s = self._heard_at_s

        def answer(outcome: Outcome) -> None:
            self._finish(command, outcome)
            if not isinstance(outcome, Refusal):
                durations = self._services.counts.publish_durations
                durations.observe(time.monotonic() - heard_at_s)

        self._services.publisher.submit(
            command.room,
            command.text,
            command.client_message_id,
            answer,
            peer_id=command.peer_id,
            sender=self,
        )

    async def _call(self, command: Call) -> None:
        try:
            outcome: Outcome = await self._answer_to(command)
        except NodeError as failure:
            outcome = failure.refusal
        except Exception:
            # The boundary of one browser's command: it must always be answered.
            log.exception("command failed")
            outcome = Refusal("INTERNAL", "INTERNAL", "The gateway failed.")
        self._finish(command, outcome)

    async def _answer_to(self, command: Call) -> Fields:
        commands = self._services.commands
        match command:
            case ConnectAsked(address=address):
                return await commands.connect(address)
            case JoinAsked(room=room):
                return await commands.join(room)
            case LeaveAsked(room=room):
                return await commands.leave(room)
            case HistoryAsked(room=room, before=before, limit=limit, peer_id=peer_id):
                page = commands.list_messages(room, peer_id=peer_id, before=before, limit=limit)
                return await page
            case CreateInviteAsked(room=room):
                return await commands.create_invite(room)
            case AcceptInviteAsked(invite=invite):
                return await commands.accept_invite(invite)
            case (
                ConversationsAsked()
                | ReadMarkerAsked()
                | MessageAsked()
                | SearchAsked()
                | ForgetRoomAsked()
            ):
                return await answer_to_reading(commands.reading, command)
            case _:
                return await answer_to_people_call(commands.people, command)

    def _finish(self, command: Command, outcome: Outcome) -> None:
        self._allowance.release(command)
        if isinstance(outcome, Refusal):
            self._refuse(command.id, outcome)
        else:
            self._socket.write_text(ack(command.id, outcome))
        self._advance()

    def _refuse(self, frame_id: FrameId | None, refusal: Refusal) -> None:
        self._services.counts.refusals[refusal.reason] += 1
        self._socket.write_text(error(frame_id, refusal))

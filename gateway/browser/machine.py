"""The state machine of one browser's connection: messages in, events out.

Pure: no loop, no socket, the clock given from outside. ``gateway.delivery.session``
carries out what it says.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

import orjson

from common.rates import TokenBucket
from gateway.browser.answers import FrameId
from gateway.browser.events import (
    Action,
    Close,
    Event,
    Greeted,
    Refused,
    action_from_frame,
    id_from_frame,
)
from gateway.browser.limits import Limits
from gateway.browser.reading import BrokenFrameError
from gateway.errors import Refusal

POLICY_VIOLATION = 1008
INVALID_TEXT = 1007

ALREADY_GREETED = Refusal(
    "FAILED_PRECONDITION", "ALREADY_GREETED", "hello was said before; open a new connection"
)
TEXT_ONLY = Refusal("INVALID_ARGUMENT", "TEXT_ONLY", "frames are JSON objects in text messages")


class State(Enum):
    """How far the conversation is."""

    OPEN = auto()
    GREETED = auto()
    CLOSED = auto()


class Connection:
    """Hold one browser to the protocol.

    Commands may come before ``hello``; events are told only after it. After a
    ``Close`` nothing comes out any more.
    """

    __slots__ = ("_controls", "_errors", "_rate", "_refusals", "state")

    def __init__(self, limits: Limits) -> None:
        self.state = State.OPEN
        self._rate = TokenBucket(limits.rate_per_s, limits.burst)
        self._controls = TokenBucket(limits.controls_per_s, limits.control_burst)
        self._errors = TokenBucket(limits.errors_per_s, limits.error_burst)
        self._refusals = TokenBucket(limits.refusals_per_s, limits.refusal_burst)

    def receive_text(self, payload: bytes, now_s: float) -> Event | None:
        """Take one whole text message.

        Returns:
            What it asks for; None once the connection is closed.
        """
        if self.state is State.CLOSED:
            return None
        frame_id: FrameId | None = None
        try:
            frame = _object_from_json(payload)
            frame_id = id_from_frame(frame)
            action = action_from_frame(frame, frame_id)
        except UnicodeDecodeError:
            return self._close(INVALID_TEXT, "text that is not UTF-8")
        except BrokenFrameError as error:
            return self._broken(frame_id, error.refusal, now_s)
        return self._admit(action, frame_id, now_s)

    def receive_binary(self, now_s: float) -> Event | None:
        """Take one binary message, which no frame ever is."""
        return None if self.state is State.CLOSED else self._broken(None, TEXT_ONLY, now_s)

    def receive_control(self, now_s: float) -> Event | None:
        """Count one control frame or fragment; too many close the connection."""
        if self.state is State.CLOSED or not self._controls.consume(now_s):
            return None
        return self._close(POLICY_VIOLATION, "too many control frames")

    def _admit(self, action: Action, frame_id: FrameId | None, now_s: float) -> Event:
        wait_s = self._rate.consume(now_s)
        if wait_s:
            return self._over_rate(frame_id, wait_s, now_s)
        if isinstance(action, Greeted):
            if self.state is State.GREETED:
                return self._broken(frame_id, ALREADY_GREETED, now_s)
            self.state = State.GREETED
        return action

    def _over_rate(self, frame_id: FrameId | None, wait_s: float, now_s: float) -> Event:
        if self._refusals.consume(now_s):
            return self._close(POLICY_VIOLATION, "over the rate for too long")
        retry_after_ms = int(wait_s * 1000) + 1
        return Refused(
            frame_id,
            Refusal(
                "RESOURCE_EXHAUSTED",
                "CLIENT_RATE",
                "too many frames; nothing of this one was carried out",
                retry_after_ms=retry_after_ms,
            ),
        )

    def _broken(self, frame_id: FrameId | None, refusal: Refusal, now_s: float) -> Event:
        if self._errors.consume(now_s):
            return self._close(POLICY_VIOLATION, "too many broken frames")
        return Refused(frame_id, refusal)

    def _close(self, code: int, reason: str) -> Close:
        self.state = State.CLOSED
        return Close(code, reason)


def _object_from_json(payload: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        payload.decode("utf-8")
        raise BrokenFrameError(None, "not JSON", "INVALID_JSON") from None
    if not isinstance(found, dict):
        raise BrokenFrameError(None, "not a JSON object", "INVALID_JSON")
    return found

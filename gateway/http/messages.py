"""From WebSocket frames to whole messages, RFC 6455 section 5.4.

Part of ``gateway.http.socket``. The library has checked the order and the sizes.
"""

from __future__ import annotations

from websockets.frames import Frame, Opcode

from gateway.delivery.session import Session


class Messages:
    """The messages of one browser, put together from fragments."""

    __slots__ = ("_fragments", "_is_binary")

    def __init__(self) -> None:
        self._fragments = bytearray()
        self._is_binary = False

    def receive(self, frame: Frame, session: Session, now_s: float) -> None:
        """Give a session the message that this frame completes, or a control frame."""
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._is_binary = frame.opcode is Opcode.BINARY
        else:
            session.receive_control(now_s)
            if frame.opcode is not Opcode.CONT:
                return
        self._fragments += frame.data
        if frame.fin:
            payload = bytes(self._fragments)
            self._fragments.clear()
            if self._is_binary:
                session.receive_binary(now_s)
            else:
                session.receive_text(payload, now_s)

"""What could not be stored: bounded, counted where the bound bites, fetched in every room."""

from __future__ import annotations

from p2pd.chat.outage import Outage
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId, RoomName

NOBODY = PeerId("")


def message(number: int, room: str) -> Message:
    return Message(
        message_id=MessageId(str(number)),
        room=RoomName(room),
        author_id=NOBODY,
        data=b"x",
        seqno=number,
        receive_time_ns=number,
        forwarder_id=NOBODY,
        signed_bytes=b"",
    )


def test_messages_forgotten_at_the_bound_are_counted_and_their_rooms_are_fetched() -> None:
    forgotten: list[None] = []
    outage = Outage(lambda: forgotten.append(None), max_missed=2)
    outage.add([message(1, "first"), message(2, "second"), message(2, "second")])
    assert not forgotten
    outage.add([message(3, "second"), message(4, "second")])
    assert len(forgotten) == 2
    assert outage.pop_unreported() == 4
    assert outage.end() == {"first", "second"}
    assert outage.is_over
    assert outage.end() == frozenset()

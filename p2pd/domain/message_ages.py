"""How old messages are when they come: by two clocks that nobody has compared. Pure.

Filled by ``p2pd.chat.inbox``, shown as ``p2pd_message_age_seconds``. The author's clock
says when a message was sent, and it is no clock of ours: what it makes impossible is
counted apart, and the rest is as right as both clocks are.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.histograms import LATENCY_BOUNDS_S, Histogram, HistogramValue
from p2pd.domain.messages import Delivery, Message

BOUNDS_S = (*LATENCY_BOUNDS_S, 60.0, 600.0, 3600.0)
MAX_AGE_S = BOUNDS_S[-1]
"""What seems to have been sent longer ago says more of its author's clock than of the way."""
NS_IN_S = 1e9


@dataclass(frozen=True, slots=True)
class MessageAgesValue:
    """What was observed up to one moment.

    Attributes:
        ages: Of messages whose age is possible.
        doubtful: How many had none, by why: ``no_time``, ``ahead`` or ``behind``.
    """

    ages: HistogramValue = Histogram(BOUNDS_S).value()  # noqa: RUF009
    doubtful: tuple[tuple[str, int], ...] = ()


class MessageAges:
    """Observe messages that other peers have sent just now."""

    def __init__(self) -> None:
        self._ages = Histogram(BOUNDS_S)
        self._doubtful = {"ahead": 0, "behind": 0, "no_time": 0}

    def observe(self, message: Message) -> None:
        """Count a message that was stored; one fetched by synchronisation was late anyway."""
        if message.delivery is not Delivery.LIVE:
            return
        sent_ns = message.send_time_ns
        if sent_ns is None:
            self._doubtful["no_time"] += 1
            return
        age_s = (message.receive_time_ns - sent_ns) / NS_IN_S
        if age_s < 0:
            self._doubtful["ahead"] += 1
        elif age_s > MAX_AGE_S:
            self._doubtful["behind"] += 1
        else:
            self._ages.observe(age_s)

    def value(self) -> MessageAgesValue:
        """Return what was observed so far."""
        return MessageAgesValue(self._ages.value(), tuple(self._doubtful.items()))

"""More publishes than a node can do, offered at a rate whatever it answers.

First the sustainable rate is found: the highest of which nothing is refused or held. Then
0.8, 1, 2 and 4 times that are offered. What is accepted must be in the log, once.
"""

from __future__ import annotations

from bench.measure import Figures
from bench.open_loop import Generator, Offer, Outcome, open_generator
from bench.services import message_count, running_services
from bench.sizes import Sizes

CALLERS = 32
FIRST_STEP = {"calls": 1.0, "streams": 2.0}
"""The first rate that is tried, over what so many callers reach with a call after the other."""
STEP = 0.85
MAX_STEPS = 12
LOADS = (0.8, 1, 2, 4)
WARM_UP = 0.5
"""Of the seconds of an offer; a burst, which is served to its end, is over by then."""
MAX_PUBLISHES = 10_000_000


def run(kind: str, sizes: Sizes) -> Figures:
    """Measure one node alone that is offered ``calls`` or ``streams`` of publishes."""
    with running_services() as running:
        node = running.start_node(retention_messages=MAX_PUBLISHES)
        with open_generator(node.grpc_address) as generator:
            offered = _Offers(generator, kind, sizes.overload_s)
            rate_per_s = offered.find_sustainable_rate()
            figures = {"sustainable_per_s": rate_per_s}
            for load in LOADS:
                found = offered.offer(rate_per_s * load)
                figures[f"p99_ms_{load}"] = found.p99_ms
                figures[f"not_accepted_{load}"] = 100 * (1 - found.accepted / found.offered)
        return figures | {"lost": offered.accepted - message_count(node)}


class _Offers:
    """What was offered to a node so far."""

    def __init__(self, generator: Generator, kind: str, seconds: float) -> None:
        self._generator = generator
        self._kind = kind
        self._seconds = seconds
        self.accepted = 0

    def find_sustainable_rate(self) -> float:
        """Lower the rate until all of it is accepted."""
        closed = self._make(Offer("closed", self._seconds, callers=CALLERS))
        rate_per_s = closed.accepted / closed.seconds * FIRST_STEP[self._kind]
        for _ in range(MAX_STEPS):
            if self.offer(rate_per_s).accepted == int(rate_per_s * self._seconds):
                return rate_per_s
            rate_per_s *= STEP
        raise RuntimeError(f"no rate down to {rate_per_s:.0f}/s is sustained")

    def offer(self, rate_per_s: float) -> Outcome:
        """Offer publishes at a rate, first without counting them."""
        self._make(Offer(self._kind, self._seconds * WARM_UP, rate_per_s))
        return self._make(Offer(self._kind, self._seconds, rate_per_s))

    def _make(self, offer: Offer) -> Outcome:
        outcome = self._generator.offer(offer)
        self.accepted += outcome.accepted
        return outcome

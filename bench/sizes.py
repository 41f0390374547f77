"""How much of everything a run measures. Made by ``bench.__main__``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts of one run.

    Attributes:
        rounds: How often each subject is measured; at least 3 make a median.
        burst: Messages at once.
        sustained: Messages of one page as fast as they are taken.
        paced: Messages at 50 a second.
        browsers: Browsers in the audience.
        sockets: Browsers of 1, 2 and 4 gateways in all.
        events: Events told to the audience one at a time.
        batches: Batches of 16 told to the audience.
        calls: Publishes of all callers together.
        returning: Browsers that reconnect at once.
        behind: Messages that each of them has missed, at least.
        missed: Messages that synchronisation brings at once.
        held: Messages that two nodes hold when one lacks one.
        kept: Messages in a full store.
        first_words: Pairs of nodes that start and dial.
        overload_s: How long publishes are offered at each rate.
        storms: How often browsers reconnect at once, each time to a new node and gateway.
        idle_s: How long a node that does nothing is watched.
        nodes: Nodes in one room, each connected with all others.
        nodes_s: How long these publish at each rate.
        searches: Searches for each word at each node.
        visits: How often a page is opened, each time the first time and once more.
    """

    rounds: int = 3
    burst: int = 2_000
    sustained: int = 12_000
    paced: int = 300
    browsers: int = 1_000
    sockets: int = 10_000
    events: int = 200
    batches: int = 50
    calls: int = 6_000
    returning: int = 2_000
    behind: int = 100
    missed: int = 10_000
    held: int = 100_000
    kept: int = 1_000_000
    first_words: int = 5
    overload_s: float = 5.0
    storms: int = 5
    idle_s: float = 20.0
    nodes: int = 20
    nodes_s: float = 15.0
    searches: int = 500
    visits: int = 10


QUICK = Sizes(
    rounds=1,
    burst=50,
    sustained=100,
    paced=10,
    browsers=20,
    sockets=40,
    events=5,
    batches=2,
    calls=200,
    returning=40,
    missed=200,
    held=1_000,
    kept=5_000,
    first_words=1,
    overload_s=0.5,
    storms=1,
    idle_s=0.5,
    nodes=3,
    nodes_s=0.5,
    searches=20,
    visits=1,
)
"""Shows that everything runs; its figures mean nothing."""

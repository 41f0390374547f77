"""How many connections there are, and how often the network was interrupted, for metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from p2pd.net.connections.facts import connection_from_open
from p2pd.net.connections.registry import OpenConnection


@dataclass(frozen=True, slots=True)
class ConnectionTotals:
    """What is counted of connections.

    Attributes:
        open: By direction, kind and transport, each as the API names it.
        interruptions: Since the start: sleeps and changes of the network.
    """

    open: tuple[tuple[tuple[str, str, str], int], ...] = ()
    interruptions: int = 0


def totals_of(connections: Iterable[OpenConnection], interruptions: int) -> ConnectionTotals:
    """Count open connections."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for opened in connections:
        fact = connection_from_open(opened)
        counts[fact.direction.value, fact.kind.value, fact.transport] += 1
    return ConnectionTotals(tuple(sorted(counts.items())), interruptions)

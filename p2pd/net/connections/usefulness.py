"""Which connections are of least use. Pure; ``trimmer`` describes them and closes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

C = TypeVar("C")

IDLE_STEP_S = 60.0
"""Connections whose last use is less far apart are idle for alike long."""


@dataclass(frozen=True, slots=True)
class Usefulness(Generic[C]):
    """What speaks for one connection.

    Attributes:
        is_protected: Whether some part of the node needs it, whatever else holds.
        shares_room: Whether its peer is in a room of this node.
        idle_s: Since anything but probes went over it.
        age_s: Since it was opened.
    """

    connection: C
    is_protected: bool
    shares_room: bool
    is_inbound: bool
    idle_s: float
    age_s: float


def least_useful(
    connections: Sequence[Usefulness[C]], count: int, grace_s: float
) -> list[Usefulness[C]]:
    """Choose at most so many connections to close.

    Neither protected ones nor those of peers in common rooms nor young ones are chosen;
    of the others those idle longest, and of those idle alike long the inbound ones first.
    """
    candidates = [
        each
        for each in connections
        if not each.is_protected and not each.shares_room and each.age_s >= grace_s
    ]
    return sorted(candidates, key=_worth)[: max(0, count)]


def _worth(usefulness: Usefulness[C]) -> tuple[float, bool, float]:
    return (
        -(usefulness.idle_s // IDLE_STEP_S),
        not usefulness.is_inbound,
        -usefulness.idle_s,
    )

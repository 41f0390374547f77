"""How a node keeps its messages, and what went wrong with that."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class StorageState(Enum):
    """Whether messages can be stored now."""

    OK = "ok"
    FULL = "full"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Damage:
    """A store was found damaged.

    Attributes:
        path: Where the damaged file is now: quarantined, or in its place where only
            its newest messages were lost.
        reason: What was found, in SQLite's words or ours.
        time_ns: When it was found, nanoseconds since the epoch.
    """

    path: str
    reason: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class Storage:
    """The message store as its operator should know it.

    Attributes:
        failure: Why nothing can be stored; empty while all is well.
        damages: What was found damaged since the start, oldest first.
    """

    state: StorageState = StorageState.OK
    failure: str = ""
    damages: tuple[Damage, ...] = ()

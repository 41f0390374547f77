"""Whether this process stood still, and which of this machine's addresses came and went.

Pure but for its clocks and readings, which are given. Used by ``recovery``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from p2pd.net.interfaces import Interface, current_interfaces, interfaces

SUSPENDED_S = 2.0
"""The clock of the suspended machine runs on so much further than the other one."""
STOPPED_S = 10.0
"""A loop that was late by so much did not work: less than the patience of peers."""


@dataclass(frozen=True, slots=True)
class LoopClocks:
    """Two clocks that never go back: one counts the time of suspension, one does not."""

    awake_s: Callable[[], float] = time.monotonic
    ever_s: Callable[[], float] = (
        (lambda: time.clock_gettime(time.CLOCK_BOOTTIME))
        if hasattr(time, "CLOCK_BOOTTIME")
        else time.monotonic
    )


@dataclass(frozen=True, slots=True)
class MachineView:
    """What is looked at to notice an interruption.

    Attributes:
        read_interfaces: Reads the addresses of this machine as they are now.
        known_interfaces: Returns them as they were a moment ago at most.
    """

    read_interfaces: Callable[[], tuple[Interface, ...]] = current_interfaces
    known_interfaces: Callable[[], tuple[Interface, ...]] = interfaces
    clocks: LoopClocks = field(default_factory=LoopClocks)


class Pauses:
    """Find the time that this process did not run for, between two looks."""

    def __init__(self, clocks: LoopClocks) -> None:
        self._clocks = clocks
        self._awake_s, self._ever_s = clocks.awake_s(), clocks.ever_s()

    def paused_s(self, expected_s: float) -> float:
        """Return how long the process was suspended or stopped; 0.0 where it was not.

        Args:
            expected_s: How long the caller meant to sleep since the last look.
        """
        awake_s, ever_s = self._clocks.awake_s(), self._clocks.ever_s()
        late_s = awake_s - self._awake_s - expected_s
        suspended_s = ever_s - self._ever_s - (awake_s - self._awake_s)
        self._awake_s, self._ever_s = awake_s, ever_s
        was_suspended, was_stopped = suspended_s >= SUSPENDED_S, late_s >= STOPPED_S
        return (suspended_s if was_suspended else 0.0) + (late_s if was_stopped else 0.0)


@dataclass(frozen=True, slots=True)
class AddressChange:
    """The own addresses that came and went between two looks."""

    came: frozenset[str] = frozenset()
    went: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.came or self.went)


class OwnAddresses:
    """Compare the addresses of the interfaces with those of the look before."""

    def __init__(self, interfaces: tuple[Interface, ...]) -> None:
        self._hosts = _hosts_of(interfaces)

    def change(self, interfaces: tuple[Interface, ...]) -> AddressChange:
        """Return what changed since the last call."""
        before, self._hosts = self._hosts, _hosts_of(interfaces)
        return AddressChange(self._hosts - before, before - self._hosts)


def _hosts_of(interfaces: tuple[Interface, ...]) -> frozenset[str]:
    return frozenset(each.host.partition("%")[0] for each in interfaces)

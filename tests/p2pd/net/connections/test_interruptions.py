"""What counts as an interruption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ifaddr
import pytest

from p2pd.net import interfaces as module
from p2pd.net.connections.interruptions import LoopClocks, OwnAddresses, Pauses
from p2pd.net.interfaces import Interface, interfaces, network_hosts, read_interfaces


@dataclass
class Hands:
    """Two clocks that a test moves."""

    awake_s: float = 1000.0
    ever_s: float = 5000.0

    def clocks(self) -> LoopClocks:
        return LoopClocks(lambda: self.awake_s, lambda: self.ever_s)

    def run(self, awake_s: float, suspended_s: float = 0.0) -> None:
        self.awake_s += awake_s
        self.ever_s += awake_s + suspended_s


@pytest.mark.parametrize(
    ("awake_s", "suspended_s", "paused_s"),
    [(1.0, 0.0, 0.0), (6.0, 0.0, 0.0), (61.0, 0.0, 60.0), (1.0, 3600.0, 3600.0), (1.0, 0.5, 0.0)],
    ids=["on time", "busy", "stopped", "suspended", "clocks drift"],
)
def test_pause_is_seen_on_either_clock(awake_s: float, suspended_s: float, paused_s: float) -> None:
    hands = Hands()
    pauses = Pauses(hands.clocks())
    hands.run(awake_s, suspended_s)
    assert pauses.paused_s(expected_s=1.0) == pytest.approx(paused_s)
    hands.run(1.0)
    assert pauses.paused_s(expected_s=1.0) == 0.0


def at(host: str) -> Interface:
    return Interface(6 if ":" in host else 4, host, "eth0", 64 if ":" in host else 24)


def test_addresses_that_came_and_went_are_told_once() -> None:
    own = OwnAddresses((at("10.0.0.1"), at("fd00::1")))
    assert not own.change((at("fd00::1"), at("10.0.0.1")))
    change = own.change((at("10.0.0.2"), at("fd00::1")))
    assert change.came == {"10.0.0.2"}
    assert change.went == {"10.0.0.1"}
    assert not own.change((at("10.0.0.2"), at("fd00::1")))


def test_one_reading_serves_everybody_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An announcement asks for hosts of each listener and IP version."""
    readings: list[int] = []
    bound: list[object] = []
    get_adapters, is_bindable = ifaddr.get_adapters, module._is_bindable

    def count_reading() -> object:
        readings.append(1)
        return get_adapters()

    def count_bound(address: Any) -> bool:
        bound.append(address)
        return is_bindable(address)

    monkeypatch.setattr(ifaddr, "get_adapters", count_reading)
    monkeypatch.setattr(module, "_is_bindable", count_bound)
    read_interfaces()
    bound.clear()
    readings.clear()
    for _ in range(8):
        interfaces()
        network_hosts(4)
        network_hosts(6)
    assert not readings
    read_interfaces()
    assert len(readings) == 1
    assert not bound, "an address that was usable needs no trial again"

"""Addresses are read again where the kernel reports a change, and not otherwise."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import ifaddr
import pytest

from p2pd.net import interfaces
from p2pd.net.interface_changes import InterfaceChanges, open_changes


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Stand for the kernel: what it sends are reports of changes."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    monkeypatch.setattr(interfaces._Last, "changes", InterfaceChanges(ours))
    monkeypatch.setattr(interfaces._Last, "whole_s", float("-inf"))
    with closing(ours), closing(theirs):
        yield theirs


def count_readings(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Have no interfaces, and record each reading."""
    readings: list[None] = []

    def read() -> list[object]:
        readings.append(None)
        return []

    monkeypatch.setattr(ifaddr, "get_adapters", read)
    return readings


def test_addresses_are_read_again_only_after_a_report(
    kernel: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = count_readings(monkeypatch)
    for _ in range(3):
        interfaces.current_interfaces()
    assert len(readings) == 1
    kernel.send(b"an address")
    kernel.send(b"another one")
    for _ in range(3):
        interfaces.current_interfaces()
    assert len(readings) == 2


def test_what_could_not_be_read_is_read_again(
    kernel: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError(24, "no descriptor is left")

    with monkeypatch.context() as failing:
        failing.setattr(ifaddr, "get_adapters", fail)
        interfaces.current_interfaces()
    readings = count_readings(monkeypatch)
    interfaces.current_interfaces()
    assert readings


def test_without_reports_everything_may_have_changed() -> None:
    assert InterfaceChanges(None).may_have_changed()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with closing(ours):
        ours.setblocking(False)
        changes = InterfaceChanges(ours)
        assert not changes.may_have_changed()
        theirs.close()
        assert changes.may_have_changed()


def test_this_machine_reports_nothing_while_nothing_changes() -> None:
    changes = open_changes()
    changes.may_have_changed()
    assert not changes.may_have_changed()

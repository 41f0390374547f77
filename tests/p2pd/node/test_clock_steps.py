"""A whole node whose machine's clock is set: nothing that it accepted is lost."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest

from p2pd.store import retention
from tests.driver.waiting import wait_until
from tests.p2pd.node.in_process import InProcessNode

DAY_NS = 24 * 3600 * 10**9
HOUR_NS = 3600 * 10**9


class Node(InProcessNode):
    """A node whose retention is counted."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(directory)
        self.trims = 0
        original = retention.trim

        async def count_trims(*args: object) -> int:
            removed = await original(*args)  # type: ignore[arg-type]
            self.trims += 1
            return removed

        monkeypatch.setattr(retention, "trim", count_trims)

    def wait_trims(self) -> None:
        """Wait until retention has run twice more, so once from its beginning."""
        target = self.trims + 2
        wait_until(lambda: self.trims, lambda trims: trims >= target, timeout_s=60)


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(tmp_path, monkeypatch)


@pytest.mark.parametrize("step_ns", [40 * DAY_NS, 4000 * DAY_NS, -40 * DAY_NS])
def test_a_step_of_the_clock_and_back_removes_nothing(
    node: Node, step_ns: int, capfd: pytest.CaptureFixture[str]
) -> None:
    def story() -> None:
        node.publish("before")
        node.set_by_ns = step_ns
        node.wait_trims()
        node.publish("during")
        node.wait_trims()
        node.set_by_ns = 0
        node.publish("after")
        node.wait_trims()
        events = node.messages()
        assert list(events) == ["before", "during", "after"]
        for event in events.values():
            assert abs(event.time.ToNanoseconds() - time.time_ns()) < HOUR_NS
            assert abs(event.message.send_time.ToNanoseconds() - time.time_ns()) < HOUR_NS

    node.run(story)
    assert "wall clock stepped" in "".join(capfd.readouterr())


@pytest.mark.parametrize("ahead_ns", [40 * DAY_NS, -40 * DAY_NS])
def test_a_restart_with_a_wrong_clock_that_is_corrected_removes_nothing(
    node: Node, ahead_ns: int
) -> None:
    def wrong() -> None:
        node.wait_trims()
        node.publish("wrong")
        node.set_by_ns = 0
        node.wait_trims()
        node.publish("after")
        node.wait_trims()
        assert list(node.messages()) == ["before", "wrong", "after"]

    def later() -> None:
        node.wait_trims()
        assert list(node.messages()) == ["before", "wrong", "after"]

    node.run(partial(node.publish, "before"))
    node.set_by_ns = ahead_ns
    node.run(wrong)
    node.run(later)

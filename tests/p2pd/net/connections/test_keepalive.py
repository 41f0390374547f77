"""A peer that hangs is noticed, whatever the transport, and a busy one is not taken for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest
import trio
import trio.testing
from libp2p.abc import INetConn

from p2pd.net.connections.keepalive import Keepalive
from p2pd.net.connections.registry import OpenConnection

NOTICED_WITHIN_S = 30.0


@dataclass
class Muxer:
    """The probe of some transport, with a peer that answers until it hangs."""

    answer_s: float = 0.01
    hangs_at_s: float = float("inf")
    sends_every_s: float = 0.0
    pings_s: list[float] = field(default_factory=list)
    last_used_s: float = 0.0
    _last_heard_s: float = 0.0

    @property
    def last_heard_s(self) -> float:
        return trio.current_time() if self.sends_every_s else self._last_heard_s

    async def ping(self) -> float:
        self.pings_s.append(trio.current_time())
        await trio.sleep(self.answer_s)
        if trio.current_time() >= self.hangs_at_s:
            await trio.sleep_forever()
        self._last_heard_s = trio.current_time()
        return self.answer_s


@dataclass
class Connection:
    muxed_conn: Muxer
    is_closed: bool = False

    async def close(self) -> None:
        self.is_closed = True


def opened_over(muxer: Muxer) -> OpenConnection:
    return OpenConnection(cast(INetConn, Connection(muxer)))


@dataclass
class Peer:
    """Stands for the peer id in the log line."""


@pytest.fixture(autouse=True)
def _peer_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenConnection, "peer_id", Peer())


@pytest.mark.trio
async def test_hung_peer_is_let_go_within_half_a_minute(
    autojump_clock: trio.testing.MockClock,
) -> None:
    start_s = trio.current_time()
    opened = opened_over(Muxer(hangs_at_s=start_s + 20))
    await Keepalive(opened).run()
    assert opened.connection.is_closed
    assert 20 < trio.current_time() - start_s <= 20 + NOTICED_WITHIN_S
    assert opened.round_trip_s == 0.01


@pytest.mark.trio
async def test_peer_that_sends_is_alive_however_late_its_answer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    opened = opened_over(Muxer(answer_s=60.0, sends_every_s=1.0))
    with trio.move_on_after(120):
        await Keepalive(opened).run()
    assert not opened.connection.is_closed


@pytest.mark.trio
async def test_peer_that_is_heard_is_not_asked_but_measured_now_and_then(
    autojump_clock: trio.testing.MockClock,
) -> None:
    muxer = Muxer(sends_every_s=1.0)
    with trio.move_on_after(100):
        await Keepalive(opened_over(muxer)).run()
    assert 3 <= len(muxer.pings_s) <= 5
    silent = Muxer()
    with trio.move_on_after(100):
        await Keepalive(opened_over(silent)).run()
    assert 19 <= len(silent.pings_s) <= 26


@pytest.mark.parametrize("rested_s", [0.0, 3.0, 12.0])
@pytest.mark.trio
async def test_hurried_probe_has_its_own_short_deadline(
    rested_s: float, autojump_clock: trio.testing.MockClock
) -> None:
    """Whether the ping before is still waited for or long answered."""
    opened = opened_over(Muxer(hangs_at_s=trio.current_time() + 2))
    keepalive = Keepalive(opened)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keepalive.run)
        await trio.sleep(rested_s)
        if rested_s == 0.0:
            opened.connection.muxed_conn.hangs_at_s = 0.0  # type: ignore[attr-defined]
        keepalive.hurry(2.0)
        asked_s = trio.current_time()
    assert opened.connection.is_closed
    assert trio.current_time() - asked_s <= 3.5


@pytest.mark.trio
async def test_peer_that_answers_a_hurried_probe_stays(
    autojump_clock: trio.testing.MockClock,
) -> None:
    muxer = Muxer()
    opened = opened_over(muxer)
    keepalive = Keepalive(opened)
    with trio.move_on_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keepalive.run)
            await trio.sleep(1.5)
            before = len(muxer.pings_s)
            keepalive.hurry(2.0)
            await trio.sleep(0.1)
            assert len(muxer.pings_s) == before + 1
            await trio.sleep(1.0)
            assert len(muxer.pings_s) == before + 1
    assert not opened.connection.is_closed

"""Too little drained for a whole window is a stall, however it is spread over it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import cast

import pytest

from gateway.http.draining import LEAST_BYTES_PER_S, Draining, unacknowledged_bytes

WINDOW_S = 20.0
LOOK_S = 2.0


def stalled_at(drained_bytes_per_look: list[int]) -> float | None:
    """Return when the reader is found stalled, if it is."""
    draining = Draining()
    drained_bytes = 0
    for look, more_bytes in enumerate(drained_bytes_per_look):
        drained_bytes += more_bytes
        if draining.is_stalled(look * LOOK_S, drained_bytes, WINDOW_S):
            return look * LOOK_S
    return None


@pytest.mark.parametrize(
    ("drained_bytes_per_look", "stalled_at_s"),
    [
        ([0] * 30, WINDOW_S),
        ([1] * 30, WINDOW_S),
        ([100, 0] * 15, WINDOW_S),
        ([int(LEAST_BYTES_PER_S * LOOK_S)] * 60, None),
        ([100_000] * 60, None),
        # Nothing for most of a window and much at its end is a slow line, not a stall.
        (([0] * 8 + [40_000]) * 10, None),
        ([100_000] * 5 + [0] * 30, 8.0 + WINDOW_S),
        ([100_000] * 5 + [1] * 30, 8.0 + WINDOW_S),
    ],
)
def test_a_reader_is_stalled_when_it_drains_less_than_the_least_rate(
    drained_bytes_per_look: list[int], stalled_at_s: float | None
) -> None:
    assert stalled_at(drained_bytes_per_look) == stalled_at_s


def test_a_reader_for_which_nothing_waited_meanwhile_has_the_whole_window_again() -> None:
    draining = Draining()
    assert not draining.is_stalled(0.0, 0, WINDOW_S)
    draining.reset()
    assert not draining.is_stalled(WINDOW_S, 0, WINDOW_S)
    assert draining.is_stalled(2 * WINDOW_S, 0, WINDOW_S)


def test_a_connection_that_is_closed_holds_nothing() -> None:
    async def close_while_data_waits() -> tuple[int, int]:
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            _, writer = await asyncio.open_connection(host, port)
            writer.write(bytes(16 << 20))
            transport = cast(asyncio.Transport, writer.transport)
            open_bytes = unacknowledged_bytes(transport)
            transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()
            return open_bytes, unacknowledged_bytes(transport)

    open_bytes, closed_bytes = asyncio.run(close_while_data_waits())
    assert open_bytes > 0
    assert closed_bytes == 0

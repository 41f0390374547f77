"""A host dials nobody unasked and does not complain of what is ordinary."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import trio

from tests.upstream.defect import defect
from tests.upstream.stacks import STOCK, Stack, connect, peer_info
from tests.upstream.waiting import wait_seen
from tests.upstream.wires import free_port

UNASKED_WITHIN_S = 8.0


@defect(22, "hosts that were only heard of are dialled")
async def test_host_dials_nobody_unasked(stack: Stack) -> None:
    async with stack.host() as host, STOCK.host() as friend, STOCK.host() as stranger:
        info = peer_info(stranger)
        host.get_peerstore().add_addrs(info.peer_id, info.addrs, 600)
        await connect(host, friend)
        await host.disconnect(friend.get_id())
        with trio.move_on_after(UNASKED_WITHIN_S):
            await wait_seen(stranger.get_connected_peers, timeout_s=60)
            raise AssertionError("a peer was dialled that nobody asked for")


@contextmanager
def complaints(stack: Stack) -> Iterator[list[str]]:
    """Collect what an operator sees: the library's log, or on ours what is left of it."""
    seen: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    collector = Collector(logging.WARNING)
    library = logging.getLogger("libp2p")
    if not stack.is_ours:
        library.addHandler(collector)
    try:
        with structlog.testing.capture_logs() as entries:
            yield seen
    finally:
        library.removeHandler(collector)
        seen += [str(each) for each in entries if each["log_level"] in ("warning", "error")]


@defect(22, "errors are logged when peers are away or leave")
async def test_ordinary_absence_is_no_error(stack: Stack) -> None:
    with complaints(stack) as seen:
        async with stack.host() as host, STOCK.host() as peer:
            await connect(host, peer)
            await wait_seen(peer.get_connected_peers)
            await peer.disconnect(host.get_id())
            await wait_seen(host.get_connected_peers, lambda peers: not peers)
            nowhere = peer_info(peer).addrs[0].decapsulate("/tcp")
            try:
                await host.get_network().dial_addr(
                    nowhere.encapsulate(f"/tcp/{await free_port()}"), peer.get_id()
                )
            # That nobody is there is what the scenario is about.
            except Exception:
                await trio.lowlevel.checkpoint()
    assert not seen, seen

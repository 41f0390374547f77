"""Whether a peer that is asked to dial says what a dial would find."""

from __future__ import annotations

from libp2p.abc import IHost
from libp2p.host.autonat.autonat import AutoNATService
from multiaddr import Multiaddr

from p2pd.domain.rejections import Rejections
from p2pd.net.reachability.autonat import (
    AUTONAT,
    Status,
    dial_request,
    read_message,
)
from p2pd.net.reachability.server import AutonatServer
from p2pd.net.streams.framed import write_frame
from tests.upstream.defect import defect
from tests.upstream.stacks import Stack, connect

CLOSED = Multiaddr("/ip4/127.0.0.1/tcp/1")


@defect(33, "a peer that asks to be dialled is never told the truth")
async def test_peer_that_asks_is_dialled(stack: Stack) -> None:
    async with stack.host() as asked, stack.host() as asker:
        serve(stack, asked)
        await connect(asker, asked)
        own = asker.get_transport_addrs()[0]
        answers = [await ask(asker, asked, address) for address in (own, CLOSED)]
        assert answers == [Status.OK, Status.E_DIAL_ERROR]


def serve(stack: Stack, host: IHost) -> None:
    if stack.is_ours:
        AutonatServer(host, Rejections(), is_dialled=lambda _: True).open()  # type: ignore[arg-type]
    else:
        AutoNATService(host)  # type: ignore[arg-type]


async def ask(asker: IHost, asked: IHost, address: Multiaddr) -> int:
    stream = await asker.new_stream(asked.get_id(), [AUTONAT])
    await write_frame(stream, dial_request(asker.get_id(), [address]))
    return (await read_message(stream)).dialResponse.status

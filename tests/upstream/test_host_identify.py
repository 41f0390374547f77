"""What a host says of itself, and that it says it again when it changes."""

from __future__ import annotations

from libp2p.abc import IHost, INetStream
from libp2p.crypto.rsa import create_new_key_pair as create_rsa_key_pair
from libp2p.custom_types import TProtocol
from libp2p.identity.identify.identify import ID as IDENTIFY
from libp2p.identity.identify.pb.identify_pb2 import Identify
from libp2p.utils.varint import read_length_prefixed_protobuf

from p2pd.net.errors import IdentityError
from tests.upstream.defect import defect
from tests.upstream.ecdsa import new_ecdsa_key_pair
from tests.upstream.stacks import STOCK, Stack, connect, peer_info
from tests.upstream.waiting import wait_seen

NEW_PROTOCOL = TProtocol("/test/new/1")


async def identify(asker: IHost, host: IHost) -> Identify:
    stream = await asker.new_stream(host.get_id(), [IDENTIFY])
    message = Identify()
    message.ParseFromString(await read_length_prefixed_protobuf(stream))
    return message


def protocols_known(observer: IHost, peer: IHost) -> list[str]:
    peerstore = observer.get_peerstore()
    return peerstore.get_protocols(peer.get_id()) if peerstore.has_peer(peer.get_id()) else []


@defect(19, "a host runs with an RSA key, and js peers refuse its identify")
async def test_rsa_identity_is_refused(stack: Stack) -> None:
    refused = False
    try:
        async with stack.host(key_pair=create_rsa_key_pair()):
            pass
    except IdentityError:
        refused = True
    assert refused


@defect(21, "the agent version is the library's own")
async def test_host_says_which_program_it_is(stack: Stack) -> None:
    async with stack.host() as host, STOCK.host() as asker:
        await connect(asker, host)
        message = await identify(asker, host)
        assert message.agent_version.startswith("wsp/"), message.agent_version


@defect(37, "a change of protocols is told to nobody")
async def test_new_protocol_is_told_to_connected_peers(stack: Stack) -> None:
    async def ignore(stream: INetStream) -> None:
        await stream.close()

    async with stack.host() as host, STOCK.host() as peer:
        await connect(peer, host)
        await wait_seen(lambda: protocols_known(peer, host))
        await wait_seen(lambda: protocols_known(host, peer))
        host.set_stream_handler(NEW_PROTOCOL, ignore)
        await wait_seen(
            lambda: protocols_known(peer, host), lambda names: NEW_PROTOCOL in names, timeout_s=5
        )


@defect(27, "a peer with an ECDSA key is refused", fails_with=(Exception,))
async def test_peer_with_ecdsa_key_is_welcome(stack: Stack) -> None:
    async with STOCK.host(key_pair=new_ecdsa_key_pair()) as peer, stack.host() as host:
        await connect(peer, host)
        await wait_seen(host.get_connected_peers, lambda peers: peers == [peer.get_id()])
        assert peer_info(peer).peer_id in host.get_peerstore().peer_ids()

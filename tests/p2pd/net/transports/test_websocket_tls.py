"""WebSocket over TLS with a given certificate, beside plain WebSocket."""

from __future__ import annotations

from pathlib import Path

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from multiaddr import Multiaddr

from p2pd.domain.rejections import Rejections
from p2pd.net.errors import ListenError
from p2pd.net.host import HostOptions, open_host
from p2pd.net.transports import transport_of
from p2pd.net.transports.certificate import WebsocketCertificate
from tests.p2pd.net.transports.certificates import write_certificate
from tests.upstream.stacks import peer_info
from tests.upstream.waiting import wait_seen

BOTH = ("/ip4/127.0.0.1/tcp/0/ws", "/ip4/127.0.0.1/tcp/0/wss")


def name_of(address: Multiaddr) -> str | None:
    transport = transport_of(address)
    return None if transport is None else transport.name


@pytest.mark.trio
@pytest.mark.parametrize("name", ["ws", "wss"])
async def test_peers_connect_over_plain_and_over_tls(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = WebsocketCertificate(*write_certificate(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.chain))
    options = HostOptions(create_new_key_pair(), BOTH, certificate=certificate)
    async with (
        open_host(options, Rejections()) as host,
        open_host(HostOptions(create_new_key_pair(), ()), Rejections()) as other,
    ):
        info = peer_info(host)
        [address] = [each for each in info.addrs if name_of(each) == name]
        await other.swarm.dial_addresses(info.peer_id, [address])
        [connection] = await wait_seen(host.get_network().get_connections)
        [seen] = connection.get_transport_addresses()
        assert name_of(seen) == name


@pytest.mark.trio
async def test_tls_without_a_certificate_is_refused() -> None:
    with pytest.raises(ListenError, match="needs a certificate"):
        async with open_host(HostOptions(create_new_key_pair(), BOTH), Rejections()):
            pytest.fail("the host runs")


def test_key_of_another_certificate_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    chain, _ = write_certificate(tmp_path / "one")
    _, key = write_certificate(tmp_path / "two")
    with pytest.raises(ListenError, match="cannot use the WebSocket certificate"):
        WebsocketCertificate(chain, key).context()
    with pytest.raises(ListenError, match="No such file"):
        WebsocketCertificate(tmp_path / "nothing", key).context()

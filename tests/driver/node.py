"""``python -m p2pd`` on free ports, with its gRPC channel and stub.

Made by the ``start_node`` fixture, or directly by a benchmark.
"""

from __future__ import annotations

import re
from pathlib import Path

import grpc
import grpc.aio
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.process import Service, setting_names
from tests.driver.waiting import DEADLINE_S, wait_until

QUICK_RECONNECT = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 50),
    ("grpc.use_local_subchannel_pool", 1),
)


class NodeProcess(Service):
    """A node that listens on loopback and finds nobody by itself.

    Keyword settings are those of the contract without ``P2PD_``: ``rooms="a,b"``.
    """

    def __init__(
        self, name: str, directory: Path, *, prefix: tuple[str, ...] = (), **settings: object
    ) -> None:
        self.data_dir = directory / name
        quiet = {
            "P2PD_GRPC_LISTEN": "127.0.0.1:0",
            "P2PD_LISTEN": "/ip4/127.0.0.1/tcp/0",
            "P2PD_BOOTSTRAP": "none",
            "P2PD_MDNS": "off",
            "P2PD_PORT_MAPPING": "off",
            "P2PD_METRICS_LISTEN": "none",
            "P2PD_DATA_DIR": str(self.data_dir),
        }
        chosen = setting_names("P2PD", settings)
        super().__init__("p2pd", name, directory, quiet | chosen, prefix=prefix)

    @property
    def peer_id(self) -> str:
        """The node's peer id."""
        return self.ready["peer_id"]

    @property
    def grpc_address(self) -> str:
        """The address of the gRPC API."""
        return self.ready["grpc"]

    @property
    def addresses(self) -> tuple[str, ...]:
        """The libp2p addresses, each ending in ``/p2p/ID``."""
        return tuple(self.ready["addresses"].split(","))

    @property
    def address(self) -> str:
        """The first libp2p address: what a peer dials."""
        return self.addresses[0]

    @property
    def token(self) -> str:
        """The bearer token in the node's data directory."""
        return (self.data_dir / "grpc.token").read_text().strip()

    def open_channel(self) -> grpc.Channel:
        """Return a new channel for synchronous calls; close it."""
        return grpc.insecure_channel(self.grpc_address)

    def open_lasting_channel(self) -> grpc.Channel:
        """Return a channel for a caller who outlives the node's present life; close it."""
        return grpc.insecure_channel(self.settings["P2PD_GRPC_LISTEN"], QUICK_RECONNECT)

    def open_aio_channel(self) -> grpc.aio.Channel:
        """Return a new channel for asyncio; close it."""
        return grpc.aio.insecure_channel(self.grpc_address)

    def publish(
        self, text: str, room: str = "", client_message_id: str = "", timeout_s: float = DEADLINE_S
    ) -> chat_pb2.PublishResponse:
        """Publish one message over a channel of its own."""
        request = chat_pb2.PublishRequest(room=room, text=text, client_message_id=client_message_id)
        with self.open_channel() as channel:
            return chat_pb2_grpc.ChatServiceStub(channel).Publish(request, timeout=timeout_s)

    def connect(self, other: NodeProcess, timeout_s: float = DEADLINE_S) -> None:
        """Dial another node and wait until either sees the other."""
        request = chat_pb2.ConnectRequest(address=other.address)
        with self.open_channel() as channel:
            chat_pb2_grpc.ChatServiceStub(channel).Connect(request, timeout=timeout_s)
        self.wait_peer(other)
        other.wait_peer(self)

    def peers(
        self, room: str | None = None, timeout_s: float = DEADLINE_S
    ) -> dict[str, chat_pb2.Peer]:
        """Return the connected peers, or those in a room, by peer id."""
        request = chat_pb2.ListPeersRequest(room=room)
        with self.open_channel() as channel:
            answer = chat_pb2_grpc.ChatServiceStub(channel).ListPeers(request, timeout=timeout_s)
        return {peer.peer_id: peer for peer in answer.peers}

    def wait_peer(
        self, other: NodeProcess, room: str | None = None, timeout_s: float = DEADLINE_S
    ) -> None:
        """Wait until the other is connected, or known to be in a room."""
        wait_until(
            lambda: self.peers(room),
            lambda peers: other.peer_id in peers,
            timeout_s=timeout_s,
            ignoring=(grpc.RpcError,),
        )

    def _pin_ports(self) -> None:
        if self.settings["P2PD_GRPC_LISTEN"].endswith(":0"):
            self.settings["P2PD_GRPC_LISTEN"] = self.grpc_address
        if re.search("/(tcp|udp)/0(/|,|$)", self.settings["P2PD_LISTEN"]):
            bound = (address.rsplit("/p2p/", 1)[0] for address in self.addresses)
            self.settings["P2PD_LISTEN"] = ",".join(bound)

"""Settings of the node: the only place that reads arguments and environment.

Every setting is one field of ``Settings``: ``--grpc-listen`` on the command line
is ``P2PD_GRPC_LISTEN`` in the environment and ``Settings.grpc_listen`` in the
program. Called by ``__main__`` only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Self, TypeVar

from pydantic import model_validator

from common.addresses import service_address_from_text, tcp_address_from_text
from common.readers import choice, optional, path, quoted, switch, unless_none, whole_number, words
from common.settings import Command, ServiceSettings, read_command, reads, setting
from p2pd import __version__
from p2pd.domain.names import RoomName, room_from_text
from p2pd.errors import InvalidInputError
from p2pd.net.multiaddrs import multiaddr_from_text, names_in

PUBLIC_BOOTSTRAP = ",".join(
    (
        "/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
        "/dnsaddr/bootstrap.libp2p.io/p2p/QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa",
        "/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb",
        "/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt",
        "/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ",
    )
)
DEFAULT_LISTEN = ",".join(
    (
        "/ip4/0.0.0.0/tcp/4001",
        "/ip6/::/tcp/4001",
        "/ip4/0.0.0.0/udp/4001/quic-v1",
        "/ip6/::/udp/4001/quic-v1",
        "/ip4/0.0.0.0/tcp/4002/ws",
        "/ip6/::/tcp/4002/ws",
    )
)
MAX_FORWARDED_BYTES = 60_000
"""The largest message that peers accept and forward."""

T = TypeVar("T")


def _text(read: Callable[[str], object]) -> Callable[[str], str]:
    return lambda text: str(read(text))


def _each(read: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Make a reader of values parted by commas, each of them once."""
    return lambda text: tuple(dict.fromkeys(read(word) for word in words(text)))


def _multiaddr(text: str) -> str:
    try:
        return str(multiaddr_from_text(text))
    except ValueError as error:
        raise ValueError(f"{quoted(text)}: {error}") from error


def _peer_multiaddr(text: str) -> str:
    address = _multiaddr(text)
    names = names_in(multiaddr_from_text(address))
    if len(names) < 2 or names[-1] != "p2p":
        raise ValueError(f"{quoted(text)} is not a peer's address, which ends in /p2p/ID")
    return address


def _listen_multiaddrs(text: str) -> tuple[str, ...]:
    if text.lower() == "none":
        return ()
    addresses = _each(_multiaddr)(text)
    if not addresses:
        raise ValueError("at least one multiaddr is needed, or 'none'")
    return addresses


def _bootstrap(text: str) -> tuple[str, ...]:
    return () if text.lower() == "none" else _each(_peer_multiaddr)(text)


def _room(text: str) -> RoomName:
    try:
        return room_from_text(text)
    except InvalidInputError as error:
        raise ValueError(f"{quoted(text)}: {error}") from error


ADDRESS, OPTIONAL_PATH = reads(_text(service_address_from_text)), reads(optional(path))
SWITCH = reads(switch)


class Settings(ServiceSettings):
    """The values, checked; the texts are what ``--help`` and the README say."""

    program: ClassVar[str] = "p2pd"
    version: ClassVar[str] = __version__
    summary: ClassVar[str] = "A peer-to-peer chat node on libp2p with a gRPC API."
    check_meaning: ClassVar[str] = (
        "ask a running node for its health and end with code 0 when it serves, else 1"
    )

    grpc_listen: Annotated[str, ADDRESS] = setting(
        "127.0.0.1:50051",
        "where gRPC listens: HOST:PORT or unix:PATH; port 0 picks a free one",
        "ADDRESS",
    )
    listen: Annotated[tuple[str, ...], reads(_listen_multiaddrs)] = setting(
        DEFAULT_LISTEN,
        "libp2p addresses to listen on, comma-separated: TCP, QUIC and WebSocket, the first and "
        "the last on separate ports; those of an IP version, or of UDP, that the machine lacks "
        "are left out; "
        "'none' for a node that only dials",
        "MULTIADDRS",
    )
    announce: Annotated[tuple[str, ...], reads(_each(_multiaddr))] = setting(
        "", "addresses to announce instead of the ones bound, comma-separated", "MULTIADDRS"
    )
    ws_tls_cert: Annotated[Path | None, OPTIONAL_PATH] = setting(
        "", "certificate chain (PEM) to listen with on /wss addresses", "PATH"
    )
    ws_tls_key: Annotated[Path | None, OPTIONAL_PATH] = setting(
        "", "private key (PEM) of that certificate", "PATH"
    )
    bootstrap: Annotated[tuple[str, ...], reads(_bootstrap)] = setting(
        PUBLIC_BOOTSTRAP,
        "peers to join the network by, comma-separated; 'none' for a private network",
        "MULTIADDRS",
    )
    relays: Annotated[tuple[str, ...], reads(_each(_peer_multiaddr))] = setting(
        "",
        "circuit relays to be reached through while nobody can dial this node, comma-separated, "
        "besides those it finds",
        "MULTIADDRS",
    )
    relay_service: Annotated[str, reads(choice("auto", "on", "off"))] = setting(
        "auto",
        "be a circuit relay for others: auto, which is once found public, on, or off",
        "AUTO|ON|OFF",
    )
    relay_max_reservations: Annotated[int, reads(whole_number(1, 10_000))] = setting(
        "128", "peers that may be reached through this relay at once", "PEERS"
    )
    relay_max_circuits: Annotated[int, reads(whole_number(1, 10_000))] = setting(
        "128", "connections that this relay carries at once", "CONNECTIONS"
    )
    relay_max_reservations_per_ip: Annotated[int, reads(whole_number(1, 10_000))] = setting(
        "16", "of those peers the ones with one IPv4 address or in one /56 of IPv6", "PEERS"
    )
    relay_max_circuits_per_peer: Annotated[int, reads(whole_number(1, 10_000))] = setting(
        "16", "of those connections the ones from one peer, and to one peer", "CONNECTIONS"
    )
    relay_circuit_bytes: Annotated[int, reads(whole_number(0, 1 << 40))] = setting(
        "131072",
        "bytes each way that this relay carries of one connection to a peer in none of its "
        "rooms; 0 for no limit",
        "BYTES",
    )
    relay_circuit_s: Annotated[int, reads(whole_number(0, 86_400))] = setting(
        "120",
        "seconds that this relay carries one connection to a peer in none of its rooms; "
        "0 for no limit",
        "SECONDS",
    )
    relay_hourly_bytes: Annotated[int, reads(whole_number(1, 1 << 50))] = setting(
        "268435456",
        "bytes an hour that this relay carries for all peers in none of its rooms together",
        "BYTES",
    )
    dial_private: Annotated[str, reads(choice("auto", "on", "off"))] = setting(
        "auto",
        "whether private and loopback addresses that others report are dialled: auto, which is "
        "where this machine has an address of the same network, on, or off; those that a caller "
        "or a setting names always are",
        "AUTO|ON|OFF",
    )
    max_connections: Annotated[int, reads(whole_number(1, 100_000))] = setting(
        "512", "connections to peers at once, inbound and outbound", "CONNECTIONS"
    )
    max_inbound_connections: Annotated[int, reads(whole_number(0, 100_000))] = setting(
        "512", "of those the ones that peers opened", "CONNECTIONS"
    )
    max_connections_per_ipv4: Annotated[int, reads(whole_number(1, 100_000))] = setting(
        "256", "connections that come from one IPv4 address, or through one relay", "CONNECTIONS"
    )
    max_connections_per_ipv6: Annotated[int, reads(whole_number(1, 100_000))] = setting(
        "256", "connections that come from one /56 of IPv6", "CONNECTIONS"
    )
    max_connections_per_peer: Annotated[int, reads(whole_number(1, 1000))] = setting(
        "8", "connections to one peer", "CONNECTIONS"
    )
    trim_connections_above: Annotated[int, reads(whole_number(1, 100_000))] = setting(
        "384",
        "connections above which those of least use are closed: of peers in no room of this "
        "node, idle longest",
        "CONNECTIONS",
    )
    hole_punching: Annotated[bool, SWITCH] = setting(
        "on", "open direct connections through routers beside relayed ones", "ON|OFF"
    )
    rooms: Annotated[tuple[RoomName, ...], reads(_each(_room))] = setting(
        "chat-room", "rooms joined at start unless they were left, comma-separated", "NAMES"
    )
    data_dir: Annotated[Path | None, OPTIONAL_PATH] = setting(
        "",
        "where the identity key, the gRPC token, rooms, known peers and messages are stored",
        "PATH",
    )
    port_mapping: Annotated[bool, SWITCH] = setting(
        "on", "have the router forward the ports listened on, by PCP, NAT-PMP or UPnP", "ON|OFF"
    )
    mdns: Annotated[bool, SWITCH] = setting("on", "find peers on the local network", "ON|OFF")
    grpc_token_file: Annotated[Path | None, OPTIONAL_PATH] = setting(
        "",
        "file with the gRPC token, created on first start; empty means DATA_DIR/grpc.token",
        "PATH",
    )
    grpc_allow_open: Annotated[bool, SWITCH] = setting(
        "off",
        "serve gRPC without a token beyond loopback too: for networks that are closed otherwise",
        "ON|OFF",
    )
    grpc_tls_cert: Annotated[Path | None, OPTIONAL_PATH] = setting(
        "", "certificate chain (PEM) to serve TLS", "PATH"
    )
    grpc_tls_key: Annotated[Path | None, OPTIONAL_PATH] = setting(
        "", "private key (PEM) of the certificate", "PATH"
    )
    grpc_tls_client_ca: Annotated[Path | None, OPTIONAL_PATH] = setting(
        "",
        "certificates (PEM) that sign clients; set, a client certificate is required",
        "PATH",
    )
    max_message_bytes: Annotated[int, reads(whole_number(1, MAX_FORWARDED_BYTES))] = setting(
        "32768", f"largest message that Publish takes, up to {MAX_FORWARDED_BYTES}", "BYTES"
    )
    publish_rate: Annotated[int, reads(whole_number(1, 1_000_000))] = setting(
        "1000",
        "messages a second of all callers together in the long run, shared fairly among them",
        "PER_SECOND",
    )
    publish_burst: Annotated[int, reads(whole_number(1, 10_000_000))] = setting(
        "5000", "messages that all callers together may publish at once", "MESSAGES"
    )
    max_publish_calls: Annotated[int, reads(whole_number(1, 10_000))] = setting(
        "64",
        "Publish calls carried out at once; others wait for a moment, and in a lasting overload "
        "are refused as OVERLOADED",
        "CALLS",
    )
    max_streamed_publishes: Annotated[int, reads(whole_number(1, 1_000_000))] = setting(
        "256",
        "publishes under way for all PublishStreams together; a stream that has its share of "
        "them is not read",
        "PUBLISHES",
    )
    store: Annotated[str, reads(choice("disk", "memory"))] = setting(
        "disk",
        "where messages are stored: disk, or memory for a node that may forget",
        "PLACE",
    )
    retention_days: Annotated[int, reads(whole_number(1, 36_500))] = setting(
        "30", "days that messages are retained", "DAYS"
    )
    retention_messages: Annotated[int, reads(whole_number(1, 100_000_000))] = setting(
        "100000",
        "messages that are retained of each room; in memory, of all rooms together",
        "MESSAGES",
    )
    history_days: Annotated[int, reads(whole_number(0, 36_500))] = setting(
        "7", "how much of the past of a room joined anew is fetched from others", "DAYS"
    )
    history_messages: Annotated[int, reads(whole_number(0, 100_000_000))] = setting(
        "10000", "messages that are fetched at most when a room is joined anew", "MESSAGES"
    )
    sync_interval_s: Annotated[int, reads(whole_number(1, 86_400))] = setting(
        "10", "seconds between two comparisons of a room with one of its peers", "SECONDS"
    )
    metrics_listen: Annotated[str | None, reads(unless_none(_text(tcp_address_from_text)))] = (
        setting(
            "127.0.0.1:9464",
            "where Prometheus metrics are served, HOST:PORT; 'none' turns them off",
            "ADDRESS",
        )
    )
    log_level: Annotated[str, reads(choice("debug", "info", "warning", "error"))] = setting(
        "info", "least level that is logged: debug, info, warning or error", "LEVEL"
    )
    log_format: Annotated[str, reads(choice("text", "json"))] = setting(
        "text", "log lines as text or json", "FORMAT"
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        """Check what no single value can say."""
        if (self.grpc_tls_cert is None) != (self.grpc_tls_key is None):
            raise ValueError("--grpc-tls-cert and --grpc-tls-key go together")
        if (self.ws_tls_cert is None) != (self.ws_tls_key is None):
            raise ValueError("--ws-tls-cert and --ws-tls-key go together")
        if self.grpc_tls_client_ca is not None and self.grpc_tls_cert is None:
            raise ValueError("--grpc-tls-client-ca needs --grpc-tls-cert and --grpc-tls-key")
        return self


SETTINGS = Settings.table()
"""Every setting, in the order of ``--help``."""


def command_from(arguments: Sequence[str], environment: Mapping[str, str]) -> Command[Settings]:
    """Read the command line and the environment; see ``read_command``."""
    return read_command(Settings, arguments, environment)

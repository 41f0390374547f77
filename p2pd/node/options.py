"""What each part of the node is given of the settings. Called by ``parts``."""

from __future__ import annotations

from pathlib import Path

from p2pd import __version__
from p2pd.api.settings import ApiSettings
from p2pd.api.token_file import load_or_create_token
from p2pd.chat.assembly import ChatOptions
from p2pd.chat.publisher import PublishLimits
from p2pd.config import Settings
from p2pd.domain.clock import NodeClock
from p2pd.domain.names import PeerId
from p2pd.domain.peers import Node
from p2pd.net.admission import ConnectionLimits
from p2pd.net.identity import Identity
from p2pd.net.machine import NetworkMachine
from p2pd.net.network import NetworkOptions
from p2pd.net.private_addresses import PrivateDials
from p2pd.net.relay.messages import CircuitLimit
from p2pd.net.relay.rules import RelayLimits
from p2pd.net.relay.service import RelayMode
from p2pd.net.transports.certificate import WebsocketCertificate
from p2pd.store.retention import DAY_S, Retention
from p2pd.sync import SyncOptions
from p2pd.workers import Workers

AGENT = f"wsp/{__version__}"
SECONDS = 1.0
DAY_NS = DAY_S * 10**9
API_GRACE_S = 2.3 * SECONDS


def network_options(
    settings: Settings,
    key_pair: Identity,
    first_seqno: int,
    clock: NodeClock,
    machine: NetworkMachine,
) -> NetworkOptions:
    """Choose how to be part of the network."""
    return NetworkOptions(
        key_pair=key_pair,
        listen=settings.listen,
        announce=settings.announce,
        agent=AGENT,
        bootstrap=settings.bootstrap,
        mdns=settings.mdns,
        relays=settings.relays,
        relay_mode=RelayMode(settings.relay_service),
        maps_ports=settings.port_mapping,
        relay_limits=relay_limits(settings),
        hole_punching=settings.hole_punching,
        limits=connection_limits(settings),
        private_dials=PrivateDials(settings.dial_private),
        trim_above=settings.trim_connections_above,
        first_seqno=first_seqno,
        clock_ns=clock.now_ns,
        certificate=_websocket_certificate(settings),
        machine=machine,
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Choose how many connections there may be."""
    return ConnectionLimits(
        total=settings.max_connections,
        inbound=settings.max_inbound_connections,
        per_ipv4=settings.max_connections_per_ipv4,
        per_ipv6_prefix=settings.max_connections_per_ipv6,
        per_peer=settings.max_connections_per_peer,
    )


def relay_limits(settings: Settings) -> RelayLimits:
    """Choose what this node gives as a relay."""
    return RelayLimits(
        max_reservations=settings.relay_max_reservations,
        max_circuits=settings.relay_max_circuits,
        max_reservations_per_ip=settings.relay_max_reservations_per_ip,
        max_circuits_per_peer=settings.relay_max_circuits_per_peer,
        stranger=CircuitLimit(settings.relay_circuit_bytes, settings.relay_circuit_s),
        stranger_bytes_per_hour=settings.relay_hourly_bytes,
    )


def _websocket_certificate(settings: Settings) -> WebsocketCertificate | None:
    if settings.ws_tls_cert is None or settings.ws_tls_key is None:
        return None
    return WebsocketCertificate(settings.ws_tls_cert, settings.ws_tls_key)


def sync_options(settings: Settings, clock: NodeClock, workers: Workers) -> SyncOptions:
    """Choose how often rooms are compared with peers."""
    return SyncOptions(interval_s=settings.sync_interval_s, clock_ns=clock.now_ns, workers=workers)


def chat_options(settings: Settings, clock: NodeClock, workers: Workers) -> ChatOptions:
    """Choose the rooms, the limits and how much of the past is fetched."""
    limits = PublishLimits(
        settings.max_message_bytes, settings.publish_rate, settings.publish_burst
    )
    return ChatOptions(
        settings.rooms,
        history_ns=settings.history_days * DAY_NS,
        history_messages=settings.history_messages,
        max_age_ns=settings.retention_days * DAY_NS,
        limits=limits,
        clock_ns=clock.now_ns,
        workers=workers,
    )


def retention(settings: Settings) -> Retention:
    """Choose what is retained."""
    return Retention(settings.retention_days * DAY_S, settings.retention_messages)


def token_file(settings: Settings, data_dir: Path) -> Path:
    """Name the file with the API's token."""
    return settings.grpc_token_file or data_dir / "grpc.token"


def api_settings(settings: Settings, data_dir: Path) -> ApiSettings:
    """Choose where and for whom the API is open; makes the token at the first start.

    Raises:
        ApiSettingsError: The token's file cannot be used.
    """
    return ApiSettings(
        listen=settings.grpc_listen,
        token=load_or_create_token(token_file(settings, data_dir)),
        allow_open=settings.grpc_allow_open,
        tls_certificate=settings.grpc_tls_cert,
        tls_key=settings.grpc_tls_key,
        tls_client_ca=settings.grpc_tls_client_ca,
        max_active_publishes=settings.max_publish_calls,
        max_streamed_publishes=settings.max_streamed_publishes,
        grace_s=API_GRACE_S,
    )


def node_at_start(settings: Settings, peer_id: PeerId, time_ns: int) -> Node:
    """Describe the node before anything of it is known."""
    return Node(
        peer_id=peer_id,
        addresses=(),
        agent=AGENT,
        rooms=(),
        version=__version__,
        max_message_bytes=settings.max_message_bytes,
        start_time_ns=time_ns,
    )

"""Settings of the node: the only place that reads arguments and environment.

Every setting is one row of ``SETTINGS``: ``--grpc-listen`` on the command line
is ``P2PD_GRPC_LISTEN`` in the environment and ``Settings.grpc_listen`` in the
program. A flag wins over the environment.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import platformdirs

from p2pd import __version__
from p2pd.api.errors import ApiSettingsError
from p2pd.api.listen_address import listen_address_from_text
from p2pd.domain.names import RoomName, room_from_text
from p2pd.errors import InvalidInputError
from p2pd.net.multiaddrs import multiaddr_from_text, names_in

PREFIX = "P2PD_"
PUBLIC_BOOTSTRAP = ",".join(
    (
        "/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
        "/dnsaddr/bootstrap.libp2p.io/p2p/QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa",
        "/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb",
        "/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt",
        "/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ",
    )
)
MAX_TAKEN_BYTES = 60_000
"""The largest message that peers take and forward."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the node was told, checked."""

    grpc_listen: str
    listen: tuple[str, ...]
    announce: tuple[str, ...]
    bootstrap: tuple[str, ...]
    rooms: tuple[RoomName, ...]
    data_dir: Path
    mdns: bool
    grpc_token_file: Path | None
    grpc_allow_open: bool
    grpc_tls_cert: Path | None
    grpc_tls_key: Path | None
    grpc_tls_client_ca: Path | None
    max_message_bytes: int
    publish_rate: int
    publish_burst: int
    store: str
    retention_days: int
    retention_messages: int
    history_days: int
    history_messages: int
    sync_interval_s: int
    metrics_listen: str | None
    log_level: str
    log_format: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name, default and meaning, as text a user reads.

    Attributes:
        parse: Turns the text into the value; raises ValueError with the reason.
    """

    name: str
    default: str
    metavar: str
    meaning: str
    parse: Callable[[str], Any]

    @property
    def flag(self) -> str:
        """The command line's name."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment's name."""
        return PREFIX + self.name.upper()


def settings_from_arguments(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[Settings, bool]:
    """Read the settings; ends the process with one line and code 2 on a bad one.

    Returns:
        The settings, and whether only a check of a running node was asked for.
    """
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    values = {}
    for setting in SETTINGS:
        source, text = setting.flag, given[setting.name]
        if text is None:
            source, text = setting.variable, environment.get(setting.variable)
        if text is None:
            text = setting.default
        try:
            values[setting.name] = setting.parse(text.strip())
        except ValueError as error:
            parser.error(f"{source}: {error}")
    settings = Settings(**values)
    if (settings.grpc_tls_cert is None) != (settings.grpc_tls_key is None):
        parser.error("--grpc-tls-cert and --grpc-tls-key go together")
    if settings.grpc_tls_client_ca is not None and settings.grpc_tls_cert is None:
        parser.error("--grpc-tls-client-ca needs --grpc-tls-cert and --grpc-tls-key")
    return settings, bool(given["check"])


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="p2pd",
        description="A peer-to-peer chat node on libp2p with a gRPC API.",
        epilog="Every flag is an environment variable too: --grpc-listen is P2PD_GRPC_LISTEN.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"p2pd {__version__}")
    parser.add_argument(
        "--check",
        action="store_true",
        help="ask a running node for its health and end with code 0 when it serves, else 1",
    )
    for setting in SETTINGS:
        meaning = f"{setting.meaning} (default: {setting.default or 'none'})"
        parser.add_argument(
            setting.flag,
            dest=setting.name,
            metavar=setting.metavar,
            help=meaning.replace("%", "%%"),
        )
    return parser


def _listen_address(text: str) -> str:
    try:
        return str(listen_address_from_text(text))
    except ApiSettingsError as error:
        raise ValueError(str(error)) from error


def _optional_listen_address(text: str) -> str | None:
    return None if text in ("", "none") else _listen_address(text)


def _multiaddrs(text: str) -> tuple[str, ...]:
    return tuple(str(multiaddr_from_text(part)) for part in _parts(text))


def _listen_multiaddrs(text: str) -> tuple[str, ...]:
    addresses = _multiaddrs(text)
    if not addresses:
        raise ValueError("at least one multiaddr is needed")
    return addresses


def _bootstrap(text: str) -> tuple[str, ...]:
    if text == "none":
        return ()
    addresses = [multiaddr_from_text(part) for part in _parts(text)]
    for address in addresses:
        names = names_in(address)
        if len(names) < 2 or names[-1] != "p2p":
            raise ValueError(f"{address} is not an address that ends in /p2p/ID")
    return tuple(str(address) for address in addresses)


def _rooms(text: str) -> tuple[RoomName, ...]:
    try:
        return tuple(dict.fromkeys(room_from_text(part) for part in _parts(text)))
    except InvalidInputError as error:
        raise ValueError(str(error)) from error


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _switch(text: str) -> bool:
    words = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
    if text.lower() not in words:
        raise ValueError(f"{text!r} is neither on nor off")
    return words[text.lower()]


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _path(text: str) -> Path:
    if not text:
        raise ValueError("a path is needed")
    return Path(text).expanduser()


def _optional_path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _choice(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        return text.lower()

    return parse


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "grpc_listen",
        "127.0.0.1:50051",
        "ADDRESS",
        "where gRPC listens: HOST:PORT or unix:PATH; port 0 picks a free one",
        _listen_address,
    ),
    Setting(
        "listen",
        "/ip4/0.0.0.0/tcp/4001",
        "MULTIADDRS",
        "libp2p addresses to listen on, comma-separated; TCP and WebSocket on separate ports",
        _listen_multiaddrs,
    ),
    Setting(
        "announce",
        "",
        "MULTIADDRS",
        "addresses to announce instead of the ones bound, comma-separated",
        _multiaddrs,
    ),
    Setting(
        "bootstrap",
        PUBLIC_BOOTSTRAP,
        "MULTIADDRS",
        "peers to join the network by, comma-separated; 'none' for a private network",
        _bootstrap,
    ),
    Setting(
        "rooms",
        "chat-room",
        "NAMES",
        "rooms joined at start unless they were left, comma-separated",
        _rooms,
    ),
    Setting(
        "data_dir",
        platformdirs.user_data_dir("p2pd", appauthor=False),
        "PATH",
        "where the identity key, the gRPC token, rooms, known peers and messages are kept",
        _path,
    ),
    Setting("mdns", "on", "ON|OFF", "find peers on the local network", _switch),
    Setting(
        "grpc_token_file",
        "",
        "PATH",
        "file with the gRPC token, created on first start; empty means DATA_DIR/grpc.token",
        _optional_path,
    ),
    Setting(
        "grpc_allow_open",
        "off",
        "ON|OFF",
        "serve gRPC without a token beyond loopback too: for networks that are closed otherwise",
        _switch,
    ),
    Setting("grpc_tls_cert", "", "PATH", "certificate chain (PEM) to serve TLS", _optional_path),
    Setting("grpc_tls_key", "", "PATH", "private key (PEM) of the certificate", _optional_path),
    Setting(
        "grpc_tls_client_ca",
        "",
        "PATH",
        "certificates (PEM) that sign clients; set, a client certificate is required",
        _optional_path,
    ),
    Setting(
        "max_message_bytes",
        "32768",
        "BYTES",
        f"largest message that Publish takes, up to {MAX_TAKEN_BYTES}",
        _number(1, MAX_TAKEN_BYTES),
    ),
    Setting(
        "publish_rate",
        "1000",
        "PER_SECOND",
        "messages a second that all callers together may publish in the long run",
        _number(1, 1_000_000),
    ),
    Setting(
        "publish_burst",
        "5000",
        "MESSAGES",
        "messages that all callers together may publish at once",
        _number(1, 10_000_000),
    ),
    Setting(
        "store",
        "disk",
        "PLACE",
        "where messages are kept: disk, or memory for a node that may forget",
        _choice("disk", "memory"),
    ),
    Setting(
        "retention_days",
        "30",
        "DAYS",
        "days that messages are kept",
        _number(1, 36_500),
    ),
    Setting(
        "retention_messages",
        "100000",
        "MESSAGES",
        "messages that are kept of each room; in memory, of all rooms together",
        _number(1, 100_000_000),
    ),
    Setting(
        "history_days",
        "7",
        "DAYS",
        "how much of the past of a room joined anew is fetched from others",
        _number(0, 36_500),
    ),
    Setting(
        "history_messages",
        "10000",
        "MESSAGES",
        "messages that are fetched at most when a room is joined anew",
        _number(0, 100_000_000),
    ),
    Setting(
        "sync_interval_s",
        "10",
        "SECONDS",
        "seconds between two comparisons of a room with one of its peers",
        _number(1, 86_400),
    ),
    Setting(
        "metrics_listen",
        "127.0.0.1:9464",
        "ADDRESS",
        "where Prometheus metrics are served; 'none' turns them off",
        _optional_listen_address,
    ),
    Setting(
        "log_level",
        "info",
        "LEVEL",
        "least level that is logged: debug, info, warning or error",
        _choice("debug", "info", "warning", "error"),
    ),
    Setting("log_format", "text", "FORMAT", "log lines as text or json", _choice("text", "json")),
)

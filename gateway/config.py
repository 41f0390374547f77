"""The gateway's settings: one table, read from arguments and environment.

The only reader of either. ``__main__`` calls ``settings_from``; the tests of the
documentation go through ``SETTINGS``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway import __version__
from gateway.errors import SettingsError
from gateway.values import (
    Address,
    Reader,
    address,
    choice,
    node_target,
    optional_path,
    origins,
    seconds,
    switch,
    whole_number,
    words,
)

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as users see it.

    Attributes:
        name: As in ``--name``; ``GATEWAY_NAME`` in the environment.
        default: As a user would write it; empty means none.
        read: Turns the text into the value; ``ValueError`` says what is wrong.
    """

    name: str
    default: str
    meaning: str
    read: Reader

    @property
    def flag(self) -> str:
        """The command line's name."""
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        """The environment's name."""
        return f"GATEWAY_{self.field.upper()}"

    @property
    def field(self) -> str:
        """The attribute of ``Settings``."""
        return self.name.replace("-", "_")


SETTINGS = (
    Setting("listen", "127.0.0.1:8080", "address of page, REST and /ws; port 0 picks one", address),
    Setting("node", "127.0.0.1:50051", "the node's gRPC address, or unix:PATH", node_target),
    Setting("node-token-file", "", "file with the token for that node", optional_path),
    Setting("node-tls", "off", "TLS to the node, checked by the system's roots", switch),
    Setting("node-ca-file", "", "PEM roots to check the node by; turns TLS on", optional_path),
    Setting("node-cert-file", "", "PEM client certificate for the node", optional_path),
    Setting("node-key-file", "", "PEM key of that certificate", optional_path),
    Setting(
        "allowed-origins",
        "",
        "exact origins that may open /ws and post, comma-separated; none: the gateway's own",
        origins,
    ),
    Setting(
        "allowed-hosts",
        "",
        "further values of the Host header to answer to, comma-separated, such as "
        "chat.example:8080; what the address and the origins imply is always allowed",
        words,
    ),
    Setting(
        "token-file", "", "file with the token that callers of this gateway need", optional_path
    ),
    Setting("allow-open", "off", "listen beyond loopback without a token", switch),
    Setting("max-clients", "4096", "open WebSockets at most", whole_number(1, 1_000_000)),
    Setting("max-frame-bytes", "65536", "largest frame a browser may send", whole_number(256, MIB)),
    Setting("message-rate", "20", "frames a second a browser may send", whole_number(1, 10**6)),
    Setting("message-burst", "100", "frames a browser may send at once", whole_number(1, 10**6)),
    Setting("client-in-flight", "256", "calls under way for a browser", whole_number(1, 10**5)),
    Setting("in-flight", "1024", "publishes under way for all browsers", whole_number(1, 10**6)),
    Setting(
        "channel-bytes",
        str(4 * MIB),
        "memory for the newest events; who is further behind is served from the node's log",
        whole_number(64 * KIB, 1024 * MIB),
    ),
    Setting(
        "write-buffer-bytes",
        str(64 * KIB),
        "what may wait for one browser here, and again in its socket",
        whole_number(4 * KIB, 16 * MIB),
    ),
    Setting(
        "stall-timeout-s",
        "20",
        "seconds after which a browser that takes nothing is closed",
        seconds(0.5, 3600),
    ),
    Setting(
        "log-level",
        "info",
        "debug, info, warning or error",
        choice("debug", "info", "warning", "error"),
    ),
)
"""Every setting, in the order of ``--help``."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The values; see ``SETTINGS`` for what each means."""

    listen: Address
    node: str
    node_token_file: Path | None
    node_tls: bool
    node_ca_file: Path | None
    node_cert_file: Path | None
    node_key_file: Path | None
    allowed_origins: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    token_file: Path | None
    allow_open: bool
    max_clients: int
    max_frame_bytes: int
    message_rate: int
    message_burst: int
    client_in_flight: int
    in_flight: int
    channel_bytes: int
    write_buffer_bytes: int
    stall_timeout_s: float
    log_level: str


@dataclass(frozen=True, slots=True)
class Command:
    """What the command line asks for.

    Attributes:
        check: Ask a running gateway whether it is ready, instead of running one.
    """

    settings: Settings
    check: bool


class _Parser(argparse.ArgumentParser):
    """Raises where argparse would print its usage and exit."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise SettingsError(message)


def command_from(arguments: Sequence[str], environment: Mapping[str, str]) -> Command:
    """Read the command line and the environment; a flag wins over its variable.

    Raises:
        SettingsError: A value breaks its rules; the message is one line.
        SystemExit: ``--help`` or ``--version`` was asked for.
    """
    given = vars(_parser().parse_args(arguments))
    values = {one.field: _value(one, given[one.field], environment) for one in SETTINGS}
    settings = Settings(**values)  # type: ignore[arg-type]
    _check_together(settings)
    return Command(settings, check=given["check"])


def _value(setting: Setting, flag: str | None, environment: Mapping[str, str]) -> object:
    source, text = setting.flag, flag
    if text is None:
        source, text = setting.variable, environment.get(setting.variable) or setting.default
    try:
        return setting.read(text)
    except ValueError as error:
        raise SettingsError(f"{source}: {error}") from None


def _check_together(settings: Settings) -> None:
    """Check what no single value can tell."""
    if (settings.node_cert_file is None) != (settings.node_key_file is None):
        raise SettingsError("--node-cert-file and --node-key-file go together")
    open_by_name = settings.allow_open or settings.token_file is not None
    if not settings.listen.is_loopback and not open_by_name:
        raise SettingsError(
            f"--listen {settings.listen} is beyond loopback: give --token-file, "
            "or --allow-open on to let anybody in"
        )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="gateway",
        description="The door for browsers: serves the page, REST and /ws for one node.",
        epilog="Every setting is also an environment variable: --node-tls is GATEWAY_NODE_TLS.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"gateway {__version__}")
    parser.add_argument(
        "--check", action="store_true", help="exit with 0 if a running gateway is ready, else 1"
    )
    for one in SETTINGS:
        shown = f"{one.meaning} (default: {one.default or 'none'})".replace("%", "%%")
        parser.add_argument(one.flag, dest=one.field, metavar="VALUE", help=shown)
    return parser

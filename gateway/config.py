"""The gateway's settings: the only place that reads arguments and environment.

Every setting is one field of ``Settings``: ``--node-tls`` on the command line is
``GATEWAY_NODE_TLS`` in the environment and ``Settings.node_tls`` in the program.
Called by ``__main__`` only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import model_validator

from common.readers import choice, optional, path, seconds, switch, whole_number
from common.settings import Command, ServiceSettings, read_command, reads, setting
from gateway import __version__
from gateway.values import Address, address, node_target, origins, words

KIB = 1024
MIB = 1024 * KIB

OPTIONAL_PATH, SWITCH = reads(optional(path)), reads(switch)


class Settings(ServiceSettings):
    """The values, checked; the texts are what ``--help`` and the README say."""

    program: ClassVar[str] = "gateway"
    version: ClassVar[str] = __version__
    summary: ClassVar[str] = "The door for browsers: serves the page, REST and /ws for one node."
    check_meaning: ClassVar[str] = "exit with 0 if a running gateway is ready, else 1"

    listen: Annotated[Address, reads(address)] = setting(
        "127.0.0.1:8080", "address of page, REST and /ws; port 0 picks one", "ADDRESS"
    )
    node: Annotated[str, reads(node_target)] = setting(
        "127.0.0.1:50051", "the node's gRPC address, or unix:PATH", "ADDRESS"
    )
    node_token_file: Annotated[Path | None, OPTIONAL_PATH] = setting(
        "", "file with the token for that node", "PATH"
    )
    node_tls: Annotated[bool, SWITCH] = setting(
        "off", "TLS to the node, checked by the system's roots", "ON|OFF"
    )
    node_ca_file: Annotated[Path | None, OPTIONAL_PATH] = setting(
        "", "PEM roots to check the node by; turns TLS on", "PATH"
    )
    node_cert_file: Annotated[Path | None, OPTIONAL_PATH] = setting(
        "", "PEM client certificate for the node", "PATH"
    )
    node_key_file: Annotated[Path | None, OPTIONAL_PATH] = setting(
        "", "PEM key of that certificate", "PATH"
    )
    allowed_origins: Annotated[tuple[str, ...], reads(origins)] = setting(
        "",
        "exact origins that may open /ws and post, comma-separated; none: the gateway's own",
        "ORIGINS",
    )
    allowed_hosts: Annotated[tuple[str, ...], reads(words)] = setting(
        "",
        "further values of the Host header to answer to, comma-separated, such as "
        "chat.example:8080; what the address and the origins imply is always allowed",
        "HOSTS",
    )
    token_file: Annotated[Path | None, OPTIONAL_PATH] = setting(
        "", "file with the token that callers of this gateway need", "PATH"
    )
    allow_open: Annotated[bool, SWITCH] = setting(
        "off", "listen beyond loopback without a token", "ON|OFF"
    )
    max_clients: Annotated[int, reads(whole_number(1, 1_000_000))] = setting(
        "4096", "open WebSockets at most", "NUMBER"
    )
    max_frame_bytes: Annotated[int, reads(whole_number(256, MIB))] = setting(
        "65536", "largest frame a browser may send", "BYTES"
    )
    message_rate: Annotated[int, reads(whole_number(1, 10**6))] = setting(
        "20", "frames a second a browser may send", "PER_SECOND"
    )
    message_burst: Annotated[int, reads(whole_number(1, 10**6))] = setting(
        "100", "frames a browser may send at once", "FRAMES"
    )
    client_in_flight: Annotated[int, reads(whole_number(1, 10**5))] = setting(
        "256", "calls under way for a browser", "CALLS"
    )
    in_flight: Annotated[int, reads(whole_number(1, 10**6))] = setting(
        "1024", "publishes under way for all browsers", "CALLS"
    )
    channel_bytes: Annotated[int, reads(whole_number(64 * KIB, 1024 * MIB))] = setting(
        str(4 * MIB),
        "memory for the newest events, and again for older ones that browsers return for",
        "BYTES",
    )
    write_buffer_bytes: Annotated[int, reads(whole_number(4 * KIB, 16 * MIB))] = setting(
        str(64 * KIB), "what may wait for one browser here, and again in its socket", "BYTES"
    )
    stall_timeout_s: Annotated[float, reads(seconds(0.5, 3600))] = setting(
        "20", "seconds after which a browser that takes nothing is closed", "SECONDS"
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
        if (self.node_cert_file is None) != (self.node_key_file is None):
            raise ValueError("--node-cert-file and --node-key-file go together")
        open_by_name = self.allow_open or self.token_file is not None
        if not self.listen.is_loopback and not open_by_name:
            raise ValueError(
                f"--listen {self.listen} is beyond loopback: give --token-file, "
                "or --allow-open on to let anybody in"
            )
        return self


SETTINGS = Settings.table()
"""Every setting, in the order of ``--help``."""


def command_from(arguments: Sequence[str], environment: Mapping[str, str]) -> Command[Settings]:
    """Read the command line and the environment; see ``read_command``."""
    return read_command(Settings, arguments, environment)

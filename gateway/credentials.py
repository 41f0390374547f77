"""The files that settings name: tokens and TLS, read and checked before anything starts.

Called by ``gateway.app``. gRPC itself accepts any bytes and fails at the first
handshake, without a word.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from common.errors import SettingsError
from gateway.config import Settings
from gateway.node.link import NodeAddress


def token_from_file(flag: str, path: Path | None) -> str | None:
    """Read a token; None where no file is named.

    Raises:
        SettingsError: The file cannot be read, or holds no token.
    """
    found = _bytes_from(flag, path)
    if found is None:
        return None
    token = found.decode("ascii", "replace").strip()
    if not token or not token.isprintable() or not token.isascii():
        raise SettingsError(f"{flag}: {path} holds no token: one line of ASCII")
    return token


def node_address_from(settings: Settings) -> NodeAddress:
    """Say where the node is and what to show it.

    Raises:
        SettingsError: A file cannot be read, or does not hold what it should.
    """
    token_from_file("--node-token-file", settings.node_token_file)
    roots = _bytes_from("--node-ca-file", settings.node_ca_file)
    certificate = _bytes_from("--node-cert-file", settings.node_cert_file)
    key = _bytes_from("--node-key-file", settings.node_key_file)
    if settings.node_ca_file:
        _check_roots(settings.node_ca_file)
    if settings.node_cert_file and settings.node_key_file:
        _check_pair(settings.node_cert_file, settings.node_key_file)
    return NodeAddress(
        target=settings.node,
        token_file=settings.node_token_file,
        tls=settings.node_tls or roots is not None or certificate is not None,
        roots=roots,
        certificate=certificate,
        key=key,
    )


def _bytes_from(flag: str, path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{flag}: cannot read {path}: {error.strerror}") from None


def _check_roots(path: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise SettingsError(f"--node-ca-file: {path} holds no PEM certificates") from None


def _check_pair(certificate: Path, key: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
            certificate, key, password=_refuse_password
        )
    except (ssl.SSLError, ValueError):
        raise SettingsError(
            f"--node-cert-file: {certificate} and {key} are no PEM certificate with its "
            "unencrypted key"
        ) from None


def _refuse_password() -> str:
    raise ValueError

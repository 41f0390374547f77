"""Server credentials from PEM files, checked before gRPC sees them.

gRPC itself takes any bytes and fails at the first handshake, without a word.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc

from p2pd.api.errors import ApiSettingsError
from p2pd.api.settings import ApiSettings


def server_credentials_from_settings(settings: ApiSettings) -> grpc.ServerCredentials | None:
    """Load certificate, key and client authorities; None where TLS is off.

    Raises:
        ApiSettingsError: A file is missing, unreadable or no PEM, the key is of
            another certificate, or only one of the two is given.
    """
    certificate, key = settings.tls_certificate, settings.tls_key
    client_ca = settings.tls_client_ca
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        raise ApiSettingsError("gRPC over TLS needs both a certificate and its key")
    _check_pair(certificate, key)
    if client_ca is not None:
        _check_authorities(client_ca)
    return grpc.ssl_server_credentials(
        [(_read(key), _read(certificate))],
        root_certificates=None if client_ca is None else _read(client_ca),
        require_client_auth=client_ca is not None,
    )


def _check_pair(certificate: Path, key: Path) -> None:
    _read(certificate)
    _read(key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            certificate, key, password=_refuse_password
        )
    except (ssl.SSLError, ValueError) as error:
        raise ApiSettingsError(
            f"{certificate} and {key} are no PEM certificate with its unencrypted key"
        ) from error


def _check_authorities(client_ca: Path) -> None:
    _read(client_ca)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(client_ca)
    except ssl.SSLError as error:
        raise ApiSettingsError(f"{client_ca} holds no PEM certificates") from error


def _refuse_password() -> str:
    raise ValueError


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ApiSettingsError(f"cannot read {path}: {error.strerror}") from error

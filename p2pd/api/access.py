"""Where the API listens and what a caller must show: the settings, checked.

Made before anything is started, so that a bad setting starts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from p2pd.api.errors import ApiSettingsError
from p2pd.api.listen_address import ListenAddress, is_local, listen_address_from_text
from p2pd.api.settings import ApiSettings
from p2pd.api.tls import server_credentials_from_settings


@dataclass(frozen=True, slots=True)
class Access:
    """The way in.

    Attributes:
        token: What every call must show; None where the API is open.
        credentials: The server's side of TLS; None where TLS is off.
        needs_certificate: Whether every caller shows a certificate.
    """

    address: ListenAddress
    token: str | None
    credentials: grpc.ServerCredentials | None
    needs_certificate: bool = False


def access_from_settings(settings: ApiSettings) -> Access:
    """Check the settings; open only on this machine or where a setting says so by name.

    Raises:
        ApiSettingsError: Not an address, files of no use, or a token is needed
            and there is none.
    """
    address = listen_address_from_text(settings.listen)
    credentials = server_credentials_from_settings(settings)
    needs_certificate = settings.tls_client_ca is not None
    if settings.allow_open or is_local(address):
        return Access(address, None, credentials, needs_certificate)
    if not settings.token:
        raise ApiSettingsError(
            f"gRPC on {settings.listen} can be reached from elsewhere and there is no token"
        )
    return Access(address, settings.token, credentials, needs_certificate)

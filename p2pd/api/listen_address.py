"""Where the API listens: ``HOST:PORT``, ``[IPV6]:PORT`` or ``unix:PATH``."""

from __future__ import annotations

import ipaddress
from typing import assert_never

from common.addresses import ServiceAddress, TcpAddress, UnixAddress, service_address_from_text
from p2pd.api.errors import ApiSettingsError

ListenAddress = ServiceAddress


def listen_address_from_text(text: str) -> ListenAddress:
    """Read an address.

    Raises:
        ApiSettingsError: It is none of the three forms.
    """
    try:
        return service_address_from_text(text)
    except ValueError as error:
        raise ApiSettingsError(str(error)) from error


def is_local(address: ListenAddress) -> bool:
    """Return whether only programs of this machine can reach the address.

    A name other than ``localhost`` is taken as reachable from elsewhere, as is
    everything that is in doubt.
    """
    match address:
        case UnixAddress():
            return True
        case TcpAddress(host=host):
            return host == "localhost" or _is_loopback(host)
        case _:
            assert_never(address)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

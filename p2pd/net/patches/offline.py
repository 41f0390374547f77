"""A machine without a name server: an offline laptop, a container without a network.

Called by ``p2pd.net`` before anything imports libp2p, which makes a resolver as
soon as it is imported and ends there where no name server is configured (44).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

RESOLVER_SETTINGS = Path("/etc/resolv.conf")


def tolerate_missing_name_servers() -> None:
    """Make a resolver without name servers fail when it is asked, not when it is made."""
    if _is_name_server_configured():
        return  # the resolver takes long to import: health checks should not wait for it
    from dns.resolver import BaseResolver, NoResolverConfiguration

    stock: Any = BaseResolver.read_resolv_conf

    def read_resolv_conf(self: BaseResolver, f: object) -> None:
        try:
            stock(self, f)
        except NoResolverConfiguration:
            self.nameservers = []

    BaseResolver.read_resolv_conf = read_resolv_conf  # type: ignore[method-assign]


def _is_name_server_configured() -> bool:
    try:
        lines = RESOLVER_SETTINGS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(re.match(r"nameserver\s+\S", line) for line in lines)

"""The certificate of the listeners for WebSocket over TLS. Read by ``p2pd.net.host``."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from p2pd.net.errors import ListenError


@dataclass(frozen=True, slots=True)
class WebsocketCertificate:
    """Where the certificate chain and its private key are, in PEM."""

    chain: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Read both.

        Raises:
            ListenError: A file cannot be read, or the key is another certificate's.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.chain, self.key)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ListenError(
                f"cannot use the WebSocket certificate {self.chain} with {self.key}: {reason}"
            ) from error
        return context
